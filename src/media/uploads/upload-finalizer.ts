import { Inject, Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { AppError } from '../../platform/errors/app-error';
import { ERROR_CODES, type ErrorCode } from '../../platform/errors/error-codes';
import { BlobStore } from '../../platform/storage/blob-store';
import { storageError } from '../../platform/storage/local-disk';
import { assemble, ChunkLost } from './assembler';
import { storageKeyOf, type Upload } from './upload';
import { UploadFiles } from './upload-files';
import { UploadStore } from './upload-store';
import { reasonOf } from '../../platform/errors/unavailable';

/** A finalizer that was not heard of for so long may be replaced, in seconds. */
const LEASE_S = 15;
const RENEW_MS = 5_000;
/** How long a request waits for a large file before it answers that it is still going on, in milliseconds. */
const WAIT_MS = 20_000;
const POLL_MS = 200;
/** How many missing chunks an error names. */
const NAMED_MISSING = 100;

/** Turns the chunks of an upload into one stored, checked file. One process at a time does it for an upload. */
@Injectable()
export class UploadFinalizer implements OnApplicationShutdown {
  private readonly log = new Logger(UploadFinalizer.name);
  private readonly stopping = new AbortController();
  private readonly running = new Set<Promise<void>>();

  constructor(
    @Inject(UploadStore) private readonly store: UploadStore,
    @Inject(UploadFiles) private readonly files: UploadFiles,
    @Inject(BlobStore) private readonly blobs: BlobStore,
  ) {}

  /** Stops what is going on at the next block; another process, or the next start, takes it up again. */
  async onApplicationShutdown(): Promise<void> {
    this.stopping.abort(new AppError('SERVICE_UNAVAILABLE'));
    await Promise.allSettled(this.running);
  }

  /**
   * Finalizes; again for a finalized upload, it only answers. The upload afterwards: `finalized`, or still
   * `finalizing` if that takes longer than a request may wait.
   *
   * @throws AppError UPLOAD_NOT_FOUND, UPLOAD_EXPIRED, UPLOAD_INCOMPLETE, CHECKSUM_MISMATCH, STORAGE_FULL
   */
  async finalize(uploadId: string, userId: string, sha256?: string, waitMs = WAIT_MS): Promise<Upload> {
    const deadline = Date.now() + waitMs;
    for (;;) {
      const upload = await this.require(uploadId, userId);
      if (upload.status === 'finalized') return checked(upload, sha256);
      await this.requireComplete(upload);
      const claim = uuidv7();
      const claimed = await this.store.claim(upload.id, claim, LEASE_S);
      if (claimed) await within(deadline, this.start(upload, claim, sha256?.toLowerCase()));
      const after = claimed ? await this.require(uploadId, userId) : await this.settled(upload, deadline);
      if (after.status === 'finalized') return checked(after, sha256);
      if (after.status === 'finalizing' && Date.now() >= deadline) return after;
      if (claimed && after.status === 'open') throw await this.failure(after);
      // Another finalizer failed or died: the next round takes over.
    }
  }

  private async require(uploadId: string, userId: string): Promise<Upload> {
    const upload = await this.store.find(uploadId, userId);
    if (!upload) throw new AppError('UPLOAD_NOT_FOUND');
    if (upload.status === 'expired') throw new AppError('UPLOAD_EXPIRED');
    return upload;
  }

  private async requireComplete(upload: Upload): Promise<void> {
    const missing = await this.store.missing(upload, NAMED_MISSING);
    if (missing.length > 0) throw incomplete(upload, missing, await this.store.countChunks(upload.id));
  }

  /** Waits for the finalizer that is at it: to its end, the end of its lease, or the deadline. */
  private async settled(begun: Upload, deadline: number): Promise<Upload> {
    const end = Math.min(deadline, Date.now() + LEASE_S * 1000);
    for (;;) {
      const upload = await this.require(begun.id, begun.userId);
      if (upload.status !== 'finalizing' || Date.now() >= end) return upload;
      await delay(POLL_MS);
    }
  }

  private async failure(upload: Upload): Promise<AppError> {
    const missing = await this.store.missing(upload, NAMED_MISSING);
    if (missing.length > 0) return incomplete(upload, missing, await this.store.countChunks(upload.id));
    return new AppError(isErrorCode(upload.errorCode) ? upload.errorCode : 'SERVICE_UNAVAILABLE');
  }

  /** Goes on in the background, however long the request waits. */
  private start(upload: Upload, claim: string, sha256: string | undefined): Promise<void> {
    const work = this.work(upload, claim, sha256).catch((error: unknown) => {
      this.log.error(`Upload ${upload.id} could not be released: ${reasonOf(error)}`);
    });
    this.running.add(work);
    void work.finally(() => this.running.delete(work));
    return work;
  }

  private async work(upload: Upload, claim: string, sha256: string | undefined): Promise<void> {
    const lost = new AbortController();
    const timer = setInterval(() => {
      this.store.renew(upload.id, claim, LEASE_S).then(
        (kept) => kept || lost.abort(new AppError('CONFLICT')),
        // One failed renewal is no loss: the lease outlives two more tries.
        (error: Error) =>
          this.log.warn(`The lease of upload ${upload.id} was not renewed: ${reasonOf(error)}`),
      );
    }, RENEW_MS);
    try {
      await this.assembleAndStore(
        upload,
        claim,
        sha256,
        AbortSignal.any([this.stopping.signal, lost.signal]),
      );
    } catch (error) {
      await this.fail(upload, claim, error);
    } finally {
      clearInterval(timer);
    }
  }

  private async assembleAndStore(
    upload: Upload,
    claim: string,
    declared: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const key = storageKeyOf(upload.id);
    const matches = (sha256: string) => {
      for (const expected of [upload.declaredSha256, declared]) {
        if (expected && expected !== sha256) throw new AppError('CHECKSUM_MISMATCH');
      }
      return sha256;
    };
    const sha256 = matches(
      (await this.storedSha256(upload, key)) ?? (await this.assembleInto(upload, key, matches, signal)),
    );
    if (!(await this.store.complete(upload.id, claim, sha256, key)))
      return this.dropIfExpired(upload.id, key);
    await this.files.discard(upload.id).catch((error: Error) => {
      this.log.warn(`The chunks of upload ${upload.id} are left to the sweeper: ${reasonOf(error)}`);
    });
  }

  /** Assembles the file and moves it to its place; its checksum. */
  private async assembleInto(
    upload: Upload,
    key: string,
    check: (sha256: string) => string,
    signal: AbortSignal,
  ): Promise<string> {
    try {
      const { path, sha256 } = await assemble(this.files, upload, await this.store.chunks(upload.id), signal);
      check(sha256);
      await this.blobs.put(key, path, { size: upload.sizeBytes, sha256 }, signal);
      return sha256;
    } catch (error) {
      // A slower finalizer whose lease had run out may have moved the file just before us.
      const moved = error instanceof AppError ? undefined : await this.storedSha256(upload, key);
      if (moved === undefined) throw error;
      return moved;
    }
  }

  /** What was stored so late that the sweeper had been there already. Where the claim was lost, another records it. */
  private async dropIfExpired(uploadId: string, key: string): Promise<void> {
    if ((await this.store.find(uploadId))?.status === 'expired') await this.blobs.delete(key);
  }

  /** The checksum of a file that an earlier finalizer stored without living to record it. */
  private async storedSha256(upload: Upload, key: string): Promise<string | undefined> {
    const stored = await this.blobs.stat(key);
    if (stored?.size !== upload.sizeBytes) return undefined;
    const hash = createHash('sha256');
    for await (const piece of this.blobs.pieces(key)) hash.update(piece);
    return hash.digest('hex');
  }

  private async fail(upload: Upload, claim: string, cause: unknown): Promise<void> {
    const error = storageError(cause);
    const code = error instanceof AppError ? error.code : null;
    const lost = error instanceof ChunkLost ? error.index : undefined;
    if (lost !== undefined)
      this.log.warn(`Chunk ${lost} of upload ${upload.id} is lost and has to be sent again`);
    else if (!code) this.log.error(`Upload ${upload.id} could not be finalized: ${reasonOf(error)}`);
    await this.store.release(upload.id, claim, code, lost);
  }
}

function checked(upload: Upload, sha256: string | undefined): Upload {
  if (upload.status === 'finalized' && sha256 !== undefined && sha256.toLowerCase() !== upload.sha256) {
    throw new AppError('CHECKSUM_MISMATCH', `The file that was received has the checksum ${upload.sha256}.`);
  }
  return upload;
}

function incomplete(upload: Upload, missing: number[], received: number): AppError {
  const count = upload.chunkCount - received;
  const named = count > missing.length ? ` The first ${missing.length} are named.` : '';
  return new AppError('UPLOAD_INCOMPLETE', `${count} of ${upload.chunkCount} chunks are missing.${named}`, {
    details: missing.map((index) => ({ path: `chunks.${index}`, message: 'is missing' })),
  });
}

function isErrorCode(code: string | null): code is ErrorCode {
  return code !== null && Object.hasOwn(ERROR_CODES, code);
}

/** Waits for `work`, but not beyond `deadline` (milliseconds since 1970). */
async function within(deadline: number, work: Promise<void>): Promise<void> {
  const timeUp = new AbortController();
  const timer = delay(Math.max(0, deadline - Date.now()), undefined, { signal: timeUp.signal, ref: false });
  timer.catch(() => undefined); // ends by being aborted when the work was faster
  await Promise.race([work, timer]).finally(() => timeUp.abort());
}
