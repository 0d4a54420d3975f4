import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { AppError } from '../../platform/errors/app-error';
import { storageError } from '../../platform/storage/local-disk';

/** Sockets hand over some 64 KiB at a time; writing a mebibyte at once costs a third less. */
const BLOCK_BYTES = 1 << 20;
/** A block of tiny pieces is written earlier: the system takes only so many at a time. */
const BLOCK_PIECES = 1_024;
/** A body of which nothing arrives for so long is given up, in milliseconds. */
const IDLE_MS = 30_000;

/** A body that lies in a file. */
export interface Spooled {
  readonly sizeBytes: number;
  readonly sha256: string;
}

/**
 * Writes `body` into a new file at `path`, hashing it on the way: memory stays flat, whatever the size.
 * The body is never destroyed, so that the caller can still answer.
 *
 * @throws AppError PAYLOAD_TOO_LARGE after `limitBytes`; REQUEST_TIMEOUT if the body stalls; STORAGE_FULL;
 *   VALIDATION_ERROR if the connection was cut
 */
export async function spool(
  body: Readable,
  path: string,
  limitBytes: number,
  idleMs = IDLE_MS,
): Promise<Spooled> {
  const file = await open(path, 'wx', 0o600).catch((error: unknown) => {
    throw storageError(error);
  });
  try {
    return await new Spooling(body, file, limitBytes, idleMs).run();
  } finally {
    await file.close();
  }
}

/**
 * One body on its way to its file. It is driven by events and not by a loop over the stream: at these rates, the
 * loop alone took as long as hashing did.
 */
class Spooling {
  private readonly hash = createHash('sha256');
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private sizeBytes = 0;
  private position = 0;
  /** Of the block that is being written while the next one gathers. */
  private writing?: Promise<void>;
  private ended = false;
  /** Nothing more is written: it is done, or has failed. */
  private over = false;
  private idle?: NodeJS.Timeout;
  private finish: (error?: Error) => void = () => undefined;

  constructor(
    private readonly body: Readable,
    private readonly file: FileHandle,
    private readonly limitBytes: number,
    private readonly idleMs: number,
  ) {}

  async run(): Promise<Spooled> {
    const done = new Promise<void>((resolve, reject) => {
      this.finish = (error) => {
        this.over = true;
        if (error === undefined) resolve();
        else reject(error);
      };
    });
    this.idle = setTimeout(this.onIdle, this.idleMs);
    this.body.on('data', this.onData).on('end', this.onEnd).on('error', this.onCut).on('close', this.onCut);
    // What ended before anybody listened tells nobody any more.
    if (this.body.destroyed) this.onCut();
    try {
      await done;
    } finally {
      clearTimeout(this.idle);
      this.body
        .off('data', this.onData)
        .off('end', this.onEnd)
        .off('error', this.onCut)
        .off('close', this.onCut);
      // The file must not be closed under a write.
      await this.writing?.catch(() => undefined);
    }
    return { sizeBytes: this.sizeBytes, sha256: this.hash.digest('hex') };
  }

  private readonly onData = (piece: Buffer): void => {
    if (this.over) return;
    this.idle?.refresh();
    this.sizeBytes += piece.length;
    if (this.sizeBytes > this.limitBytes) {
      const message = `The chunk is longer than its ${this.limitBytes} bytes.`;
      return this.finish(new AppError('PAYLOAD_TOO_LARGE', message));
    }
    this.hash.update(piece);
    this.pending.push(piece);
    this.pendingBytes += piece.length;
    if (!this.isBlock) return;
    // The disk is behind: no more until it has caught up.
    if (this.writing) this.body.pause();
    else this.write();
  };

  private readonly onEnd = (): void => {
    this.ended = true;
    if (!this.writing) this.goOn();
  };

  private readonly onCut = (cause?: Error): void => {
    if (this.ended) return;
    const message = 'The connection was cut before the chunk was complete.';
    this.finish(new AppError('VALIDATION_ERROR', message, { cause }));
  };

  private readonly onIdle = (): void => {
    // While the disk is behind, it is not the sender who is late.
    if (this.writing) this.idle?.refresh();
    else this.finish(new AppError('REQUEST_TIMEOUT'));
  };

  private get isBlock(): boolean {
    return this.pendingBytes >= BLOCK_BYTES || this.pending.length >= BLOCK_PIECES;
  }

  private goOn(): void {
    if (this.over) return;
    if (this.isBlock || (this.ended && this.pendingBytes > 0)) this.write();
    else if (this.ended) this.finish();
    if (this.body.isPaused()) this.body.resume();
  }

  private write(): void {
    const block = this.pending;
    const position = this.position;
    this.position += this.pendingBytes;
    this.pending = [];
    this.pendingBytes = 0;
    this.writing = writeBlock(this.file, block, position);
    this.writing.then(
      () => {
        this.writing = undefined;
        this.goOn();
      },
      (error: Error) => this.finish(error),
    );
  }
}

async function writeBlock(file: FileHandle, block: Buffer[], position: number): Promise<void> {
  const { bytesWritten } = await file.writev(block, position).catch((error: unknown) => {
    throw storageError(error);
  });
  const length = block.reduce((sum, piece) => sum + piece.length, 0);
  if (bytesWritten < length) {
    await writeAll(file, Buffer.concat(block).subarray(bytesWritten), position + bytesWritten);
  }
}

/** Writes a whole buffer at a position: the system may take less at a time. @throws AppError STORAGE_FULL */
export async function writeAll(file: FileHandle, data: Buffer, position: number): Promise<void> {
  try {
    let done = 0;
    while (done < data.length) {
      done += (await file.write(data, done, data.length - done, position + done)).bytesWritten;
    }
  } catch (error) {
    throw storageError(error);
  }
}
