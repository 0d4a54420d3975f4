import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { AppError } from '../../platform/errors/app-error';
import { storageError } from '../../platform/storage/folder-blob-store';

/** Sockets hand over some 64 KiB at a time; writing and hashing 1 MiB at once halves the work around it. */
const BLOCK_BYTES = 1 << 20;
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
    return await copy(body, new BlockWriter(file), limitBytes, idleMs);
  } finally {
    await file.close();
  }
}

async function copy(
  body: Readable,
  writer: BlockWriter,
  limitBytes: number,
  idleMs: number,
): Promise<Spooled> {
  const watch = new IdleWatch(idleMs);
  let size = 0;
  try {
    for await (const piece of pieces(body, watch)) {
      size += piece.length;
      if (size > limitBytes)
        throw new AppError('PAYLOAD_TOO_LARGE', `The chunk is longer than its ${limitBytes} bytes.`);
      await writer.append(piece);
    }
    return { sizeBytes: size, sha256: await writer.end() };
  } catch (error) {
    await writer.settle();
    throw error;
  } finally {
    watch.end();
  }
}

/** The pieces of a body; what goes wrong on its way is told apart from what goes wrong with the disk. */
async function* pieces(body: Readable, watch: IdleWatch): AsyncGenerator<Buffer> {
  const iterator = body.iterator({ destroyOnReturn: false }) as AsyncGenerator<Buffer, undefined>;
  try {
    for (;;) {
      const next = await watch.over(iterator.next().catch(cutOff));
      if (next.done) return;
      yield next.value;
    }
  } finally {
    // Lets go of the body, or nobody could read the rest of it away. Not awaited: a stalled body never answers.
    void iterator.return(undefined);
  }
}

function cutOff(cause: unknown): never {
  throw new AppError('VALIDATION_ERROR', 'The connection was cut before the chunk was complete.', { cause });
}

/** Ends waits for a body that take too long. Between the waits, while the disk is at work, no clock runs. */
class IdleWatch {
  private readonly timer: NodeJS.Timeout;
  private giveUp?: () => void;

  constructor(idleMs: number) {
    this.timer = setTimeout(() => this.giveUp?.(), idleMs);
  }

  over<T>(wait: Promise<T>): Promise<T> {
    this.timer.refresh();
    return new Promise<T>((resolve, reject) => {
      this.giveUp = () => reject(new AppError('REQUEST_TIMEOUT'));
      wait.then(resolve, reject).finally(() => (this.giveUp = undefined));
    });
  }

  end(): void {
    clearTimeout(this.timer);
  }
}

/** Gathers pieces into blocks. While one block is being written, the next is filled and hashed. */
class BlockWriter {
  private readonly hash = createHash('sha256');
  private filling: Buffer = Buffer.allocUnsafe(BLOCK_BYTES);
  private resting: Buffer = Buffer.allocUnsafe(BLOCK_BYTES);
  private filled = 0;
  private position = 0;
  private writing: Promise<void> = Promise.resolve();

  constructor(private readonly file: FileHandle) {}

  async append(piece: Buffer): Promise<void> {
    let taken = 0;
    while (taken < piece.length) {
      const copied = piece.copy(this.filling, this.filled, taken);
      this.filled += copied;
      taken += copied;
      if (this.filled === BLOCK_BYTES) await this.flush();
    }
  }

  /** Writes the rest; the checksum of everything, in hexadecimal. */
  async end(): Promise<string> {
    await this.flush();
    await this.writing;
    return this.hash.digest('hex');
  }

  /** Waits for a write under way, however it ends: the file must not be closed or removed under it. */
  async settle(): Promise<void> {
    await this.writing.catch(() => undefined);
  }

  private async flush(): Promise<void> {
    const block = this.filling.subarray(0, this.filled);
    this.hash.update(block);
    await this.writing;
    this.writing = writeAll(this.file, block, this.position);
    // Whoever awaits it next sees its error; until then it must not count as unhandled.
    this.writing.catch(() => undefined);
    this.position += this.filled;
    this.filled = 0;
    [this.filling, this.resting] = [this.resting, this.filling];
  }
}

/** Writes a whole buffer at a position: the system may take less at a time. */
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
