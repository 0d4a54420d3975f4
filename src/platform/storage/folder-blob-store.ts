import { Inject, Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { access, copyFile, lstat, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ENV, type Env } from '../settings/env';
import { BlobStore, type ByteRange, type ListedBlob, type LocalFile, type StoredBlob } from './blob-store';
import { checksumOf, diskUsage, keyParts, storageError, temporaryFolder } from './local-disk';

/**
 * Files are read so many bytes at a time, into the same memory: whoever takes a file slowly holds that much. Each piece
 * has to wait for a thread, which costs as much as sending 64 KiB, the default of streams.
 */
const PIECE_BYTES = 512 << 10;

/** A blob store in a folder, which several processes may share. */
@Injectable()
export class FolderBlobStore extends BlobStore {
  private readonly root: string;

  constructor(@Inject(ENV) env: Pick<Env, 'storageDir'>) {
    super();
    this.root = env.storageDir;
  }

  async put(key: string, source: string, known?: StoredBlob): Promise<StoredBlob> {
    const target = this.path(key);
    try {
      const blob = known ?? (await checksumOf(source));
      await mkdir(dirname(target), { recursive: true });
      await this.moveIn(source, target);
      await syncFile(dirname(target));
      return blob;
    } catch (error) {
      throw storageError(error);
    }
  }

  /** The very file: there is nothing to release. */
  async local(key: string): Promise<LocalFile> {
    const path = this.path(key);
    await access(path);
    return { path, release: () => undefined };
  }

  async *pieces(key: string, range?: ByteRange): AsyncGenerator<Buffer> {
    const file = await open(this.path(key), 'r');
    try {
      const { start: first, end } = range ?? { start: 0, end: (await file.stat()).size - 1 };
      const piece = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, end - first + 1));
      for (let at = first; at <= end;) {
        const { bytesRead } = await file.read(piece, 0, Math.min(piece.length, end - at + 1), at);
        if (bytesRead === 0) return;
        yield piece.subarray(0, bytesRead);
        at += bytesRead;
      }
    } finally {
      await file.close();
    }
  }

  async stat(key: string): Promise<{ size: number } | undefined> {
    return statOf(this.path(key));
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

  async *list(prefix: string): AsyncGenerator<ListedBlob> {
    const found = await readdir(this.path(prefix), { withFileTypes: true }).catch(nothing);
    for (const entry of found) {
      const key = `${prefix}/${entry.name}`;
      if (entry.isDirectory()) yield* this.list(key);
      else {
        // It may have been removed since.
        const file = await statOf(this.path(key));
        if (file) yield { key, ...file };
      }
    }
  }

  tempDir(): Promise<string> {
    return temporaryFolder(this.root);
  }

  usage(): Promise<{ freeBytes: number; totalBytes: number }> {
    return diskUsage(this.root);
  }

  async check(): Promise<void> {
    await this.tempDir();
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
    return join(this.root, ...keyParts(key));
  }
}

async function statOf(path: string): Promise<{ size: number; modifiedAt: Date } | undefined> {
  try {
    const { size, mtime } = await stat(path);
    return { size, modifiedAt: mtime };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function nothing(error: NodeJS.ErrnoException): never[] {
  if (error.code === 'ENOENT') return [];
  throw error;
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
  // Somebody else may be removing it, too.
  for (const name of await readdir(path).catch(nothing)) total += await sizeOf(join(path, name));
  return total;
}
