import { Inject, Injectable } from '@nestjs/common';
import { rename, rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { AppError } from '../../platform/errors/app-error';
import { storageError } from '../../platform/storage/local-disk';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';
import { chunkLength, MAX_CHUNK_BYTES } from './chunk-geometry';
import { spool, type Spooled } from './spool';
import type { ReceivedChunk, Upload } from './upload';
import { UploadFiles } from './upload-files';
import { UploadStore } from './upload-store';

/** A chunk as a client sends it. */
export interface IncomingChunk {
  readonly userId: string;
  readonly uploadId: string;
  readonly index: number;
  readonly body: Readable;
  /** The length of the body, where the request tells it, in bytes. */
  readonly declaredBytes?: number;
  /** The checksum that the bytes must have, in hexadecimal. */
  readonly declaredSha256?: string;
}

/** A chunk that is safe now. */
export interface ChunkReceipt {
  readonly uploadId: string;
  readonly index: number;
  readonly chunkBytes: number;
  readonly sha256: string;
  /** Of the whole upload, so far. */
  readonly receivedBytes: number;
}

/**
 * Takes chunks in, in any order and several at a time, by any api process. Each request writes a file of its own;
 * the INSERT of its row decides which of several writers of one index counts. A request that fails leaves nothing.
 */
@Injectable()
export class ChunkReceiver {
  constructor(
    @Inject(UploadStore) private readonly store: UploadStore,
    @Inject(UploadFiles) private readonly files: UploadFiles,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
  ) {}

  /**
   * Receives one chunk. The same chunk with the same bytes may come again.
   *
   * @throws AppError UPLOAD_NOT_FOUND, UPLOAD_EXPIRED, UPLOAD_NOT_OPEN, VALIDATION_ERROR (index or length wrong, cut
   *   connection), PAYLOAD_TOO_LARGE, CHECKSUM_MISMATCH, CHUNK_CONFLICT, STORAGE_FULL, REQUEST_TIMEOUT
   */
  async receive(chunk: IncomingChunk): Promise<ChunkReceipt> {
    const upload = await this.open(chunk.uploadId, chunk.userId);
    const expected = expectedBytes(upload, chunk);
    // A disk can be full for a folder or a name, too.
    const path = await this.files.incoming(upload.id).catch(refuse);
    try {
      const spooled = await spool(chunk.body, path, expected);
      check(chunk, spooled, expected);
      const stored = { index: chunk.index, ...spooled };
      await this.keep(upload, stored, path).catch(refuse);
      return await this.record(upload, stored);
    } finally {
      await rm(path, { force: true });
    }
  }

  /** The upload, if it takes chunks. */
  private async open(uploadId: string, userId: string): Promise<Upload> {
    const upload = await this.store.find(uploadId, userId);
    if (!upload) throw new AppError('UPLOAD_NOT_FOUND');
    if (upload.status === 'expired') throw new AppError('UPLOAD_EXPIRED');
    if (upload.status !== 'open') throw new AppError('UPLOAD_NOT_OPEN');
    return upload;
  }

  /** Gives the file its final name. */
  private async keep(upload: Upload, chunk: ReceivedChunk, path: string): Promise<void> {
    try {
      await rename(path, await this.files.chunk(upload.id, chunk.index, chunk.sha256));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      // The upload ended while its chunk came in, and its folder is gone.
      await this.open(upload.id, upload.userId);
      throw error;
    }
  }

  private async record(upload: Upload, chunk: ReceivedChunk): Promise<ChunkReceipt> {
    const expiresAt = new Date(Date.now() + this.settings.current().uploads.expires_after_s * 1000);
    const received = await this.store.insertChunk(upload.id, chunk, expiresAt);
    if (received !== undefined) return receipt(upload, chunk, received);
    const earlier = await this.store.findChunk(upload.id, chunk.index);
    if (earlier?.sha256 !== chunk.sha256) {
      await rm(await this.files.chunk(upload.id, chunk.index, chunk.sha256), { force: true });
      if (earlier) throw new AppError('CHUNK_CONFLICT');
    }
    const current = await this.open(upload.id, upload.userId);
    // Recorded nothing, found nothing, and yet open: somebody forgot the chunk meanwhile.
    if (!earlier) throw new AppError('CONFLICT');
    return receipt(upload, chunk, current.receivedBytes);
  }
}

function receipt(upload: Upload, chunk: ReceivedChunk, receivedBytes: number): ChunkReceipt {
  return {
    uploadId: upload.id,
    index: chunk.index,
    chunkBytes: chunk.sizeBytes,
    sha256: chunk.sha256,
    receivedBytes,
  };
}

/** How long the chunk must be, checked before a byte is read. */
function expectedBytes(upload: Upload, chunk: IncomingChunk): number {
  const { declaredBytes } = chunk;
  if (declaredBytes !== undefined && declaredBytes > MAX_CHUNK_BYTES) {
    throw new AppError('PAYLOAD_TOO_LARGE', `A chunk has at most ${MAX_CHUNK_BYTES} bytes.`);
  }
  const expected = chunkLength(upload, chunk.index);
  if (expected === undefined) {
    throw invalid(
      'index',
      `must be 0 to ${upload.chunkCount - 1}: the upload has ${upload.chunkCount} chunks`,
    );
  }
  if (declaredBytes !== undefined && declaredBytes !== expected) throw wrongLength(expected, declaredBytes);
  return expected;
}

function refuse(error: unknown): never {
  throw storageError(error);
}

function check(chunk: IncomingChunk, spooled: Spooled, expected: number): void {
  if (spooled.sizeBytes !== expected) throw wrongLength(expected, spooled.sizeBytes);
  if (chunk.declaredSha256 !== undefined && chunk.declaredSha256.toLowerCase() !== spooled.sha256) {
    throw new AppError('CHECKSUM_MISMATCH');
  }
}

function wrongLength(expected: number, actual: number): AppError {
  return invalid('body', `must have exactly ${expected} bytes for this chunk, has ${actual}`);
}

function invalid(path: string, message: string): AppError {
  return new AppError('VALIDATION_ERROR', `The chunk was refused: ${path} ${message}.`, {
    details: [{ path, message }],
  });
}
