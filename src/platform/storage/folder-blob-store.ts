import { Inject, Injectable } from '@nestjs/common';
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, copyFile, lstat, mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { AppError } from '../errors/app-error';
import { ENV, type Env } from '../settings/env';
import { BlobStore, type ByteRange, type StoredBlob } from './blob-store';

/** One part of a key: letters, digits, `.`, `_`, `-`, not starting with a dot. */
const KEY_PART = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$/;

/** A blob store in a folder, which several processes may share. */
@Injectable()
export class FolderBlobStore extends BlobStore {
  private readonly root: string;

  constructor(@Inject(ENV) env: Env) {
    super();
    this.root = env.storageDir;
  }

  async put(key: string, source: string, known?: StoredBlob): Promise<StoredBlob> {
    const target = this.path(key);
    try {
      const blob = known ?? (await checksum(source));
      await mkdir(dirname(target), { recursive: true });
      await this.moveIn(source, target);
      await syncFile(dirname(target));
      return blob;
    } catch (error) {
      throw storageError(error);
    }
  }

  async localPath(key: string): Promise<string> {
    const path = this.path(key);
    await access(path);
    return path;
  }

  async open(key: string, range?: ByteRange): Promise<Readable> {
    const file = await open(this.path(key), 'r');
    return file.createReadStream(range ? { start: range.start, end: range.end } : {});
  }

  async stat(key: string): Promise<{ size: number } | undefined> {
    try {
      return { size: (await stat(this.path(key))).size };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async delete(key: string): Promise<void> {
    await rm(this.path(key), { force: true });
  }

  async deletePrefix(prefix: string): Promise<number> {
    const path = this.path(prefix);
    const freed = await sizeOf(path);
    await rm(path, { recursive: true, force: true });
    return freed;
  }

  async tempDir(): Promise<string> {
    const path = join(this.root, '.tmp');
    await mkdir(path, { recursive: true, mode: 0o700 });
    return path;
  }

  async usage(): Promise<{ freeBytes: number; totalBytes: number }> {
    await mkdir(this.root, { recursive: true });
    const fs = await statfs(this.root);
    return { freeBytes: fs.bavail * fs.bsize, totalBytes: fs.blocks * fs.bsize };
  }

  /** In one step, so that nobody ever finds half of it; scratch space may be on another file system, as in a container. */
  private async moveIn(source: string, target: string): Promise<void> {
    await syncFile(source);
    try {
      return await rename(source, target);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    }
    const copy = join(await this.tempDir(), randomUUID());
    try {
      await copyFile(source, copy);
      await syncFile(copy);
      await rename(copy, target);
      await rm(source);
    } finally {
      await rm(copy, { force: true });
    }
  }

  private path(key: string): string {
    const parts = key.split('/');
    if (!parts.every((part) => KEY_PART.test(part))) throw new Error('A storage key is malformed');
    return join(this.root, ...parts);
  }
}

/** Turns "no space" into what the caller is told; everything else stays as it is. */
export function storageError(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new AppError('STORAGE_FULL', undefined, { cause: error });
  return error;
}

async function checksum(path: string): Promise<StoredBlob> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const block of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    hash.update(block);
    size += block.length;
  }
  return { size, sha256: hash.digest('hex') };
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function sizeOf(path: string): Promise<number> {
  const entry = await lstat(path).catch(() => undefined);
  if (!entry) return 0;
  if (!entry.isDirectory()) return entry.size;
  let total = 0;
  for (const name of await readdir(path)) total += await sizeOf(join(path, name));
  return total;
}
