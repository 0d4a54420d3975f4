import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../errors/app-error';
import type { StoredBlob } from './blob-store';

/** One part of a key: letters, digits, `.`, `_`, `-`, not starting with a dot. */
const KEY_PART = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$/;

/** The parts of a key. @throws Error if it is malformed, which is a fault of ours */
export function keyParts(key: string): string[] {
  const parts = key.split('/');
  if (!parts.every((part) => KEY_PART.test(part))) throw new Error('A storage key is malformed');
  return parts;
}

/** The folder below `root` for files that are not complete yet. It exists. */
export async function temporaryFolder(root: string): Promise<string> {
  const path = join(root, '.tmp');
  await mkdir(path, { recursive: true, mode: 0o700 });
  return path;
}

/** Free and total bytes of the disk that `root` is on. */
export async function diskUsage(root: string): Promise<{ freeBytes: number; totalBytes: number }> {
  await mkdir(root, { recursive: true });
  const fs = await statfs(root);
  return { freeBytes: fs.bavail * fs.bsize, totalBytes: fs.blocks * fs.bsize };
}

/** The size and the checksum of a file. */
export async function checksumOf(path: string): Promise<StoredBlob> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const block of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    hash.update(block);
    size += block.length;
  }
  return { size, sha256: hash.digest('hex') };
}

/** Turns "no space" into what the caller is told; everything else stays as it is. */
export function storageError(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new AppError('STORAGE_FULL', undefined, { cause: error });
  return error;
}
