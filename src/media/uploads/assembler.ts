import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { AppError } from '../../platform/errors/app-error';
import { writeAll } from './spool';
import type { ReceivedChunk, Upload } from './upload';
import type { UploadFiles } from './upload-files';

const BLOCK_BYTES = 1 << 20;
/** Chunk files are removed only when what was copied from them is on the disk; this much is synced at a time. */
const SYNC_EVERY_BYTES = 256 << 20;

/** The file of a received chunk is gone or too short: it has to be sent again. */
export class ChunkLost extends Error {
  override name = 'ChunkLost';

  constructor(readonly index: number) {
    super(`Chunk ${index} is lost`);
  }
}

/**
 * Puts the chunks of an upload together in one file, streaming, and hashes it: the path and the checksum.
 *
 * The file grows out of the first chunk's own, and the others are removed when they are safely in it, at the latest
 * when the disk is full: a chunk's worth of free space is enough. It can be stopped or killed at any point and begun again, also by
 * another process while the first is only slow: both write the same bytes to the same places.
 *
 * @throws ChunkLost; AppError STORAGE_FULL; the reason of `signal`
 */
export async function assemble(
  files: UploadFiles,
  upload: Upload,
  chunks: ReceivedChunk[],
  signal: AbortSignal,
): Promise<{ path: string; sha256: string }> {
  const path = await files.assembled(upload.id);
  const first = chunks[0];
  if (!first) throw new ChunkLost(0);
  const target = await openTarget(path, await files.chunk(upload.id, first.index, first.sha256));
  try {
    return { path, sha256: await new Assembly(files, upload, target, signal).run(chunks) };
  } finally {
    await target.close();
  }
}

/** The file as far as it got, or else the first chunk under its new name. */
async function openTarget(path: string, firstChunk: string): Promise<FileHandle> {
  const grown = await openIfThere(path);
  if (grown) return grown;
  try {
    await rename(firstChunk, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new ChunkLost(0);
    throw error;
  }
  return open(path, 'r+');
}

class Assembly {
  private readonly hash: Hash = createHash('sha256');
  private readonly block = Buffer.allocUnsafe(BLOCK_BYTES);
  private copied: string[] = [];
  private unsyncedBytes = 0;

  constructor(
    private readonly files: UploadFiles,
    private readonly upload: Upload,
    private readonly target: FileHandle,
    private readonly signal: AbortSignal,
  ) {}

  async run(chunks: ReceivedChunk[]): Promise<string> {
    let present = (await this.target.stat()).size;
    for (const chunk of chunks) {
      const start = chunk.index * this.upload.chunkSize;
      const path = await this.files.chunk(this.upload.id, chunk.index, chunk.sha256);
      // The file began as the first chunk, unless a power cut left too little of it: then that is sent again.
      const begun = chunk.index === 0 && present >= chunk.sizeBytes;
      const source = begun ? undefined : await openIfThere(path);
      // Another that does the same, and was only slow, may have copied and removed it meanwhile.
      if (!source && present < start + chunk.sizeBytes) present = (await this.target.stat()).size;
      if (source) await this.copy(source, path, chunk, start);
      else if (present >= start + chunk.sizeBytes) await this.pass(this.target, start, chunk, undefined);
      else throw new ChunkLost(chunk.index);
    }
    await this.settle();
    return this.hash.digest('hex');
  }

  private async copy(source: FileHandle, path: string, chunk: ReceivedChunk, start: number): Promise<void> {
    try {
      await this.pass(source, 0, chunk, start);
    } finally {
      await source.close();
    }
    this.copied.push(path);
    this.unsyncedBytes += chunk.sizeBytes;
    if (this.unsyncedBytes >= SYNC_EVERY_BYTES) await this.settle();
  }

  /** Hashes one chunk from `source`, and writes it to the target at `to`, if given. */
  private async pass(
    source: FileHandle,
    from: number,
    chunk: ReceivedChunk,
    to: number | undefined,
  ): Promise<void> {
    let done = 0;
    while (done < chunk.sizeBytes) {
      this.signal.throwIfAborted();
      const wanted = Math.min(BLOCK_BYTES, chunk.sizeBytes - done);
      const { bytesRead } = await source.read(this.block, 0, wanted, from + done);
      if (bytesRead === 0) throw new ChunkLost(chunk.index);
      const data = this.block.subarray(0, bytesRead);
      this.hash.update(data);
      if (to !== undefined) await this.write(data, to + done);
      done += bytesRead;
    }
  }

  /** Writes to the target; where the disk is full, the chunks that were copied make room first. */
  private async write(data: Buffer, position: number): Promise<void> {
    try {
      await writeAll(this.target, data, position);
    } catch (error) {
      if (!(error instanceof AppError) || this.copied.length === 0) throw error;
      await this.settle();
      await writeAll(this.target, data, position);
    }
  }

  /** Makes the copies durable, then removes their originals. */
  private async settle(): Promise<void> {
    await this.target.datasync();
    for (const path of this.copied) await rm(path, { force: true });
    this.copied = [];
    this.unsyncedBytes = 0;
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
