import { MessageChannel } from 'node:worker_threads';
import type { Connection, Submittable } from 'pg';

/** What takes the rows of a query, one after the other. */
export interface RowTaker {
  /**
   * A row's cells lie between `at` and `end`: of each its length in bytes as an int32, -1 for null, and then the bytes,
   * in the binary format of its type. They are good until the next call.
   */
  take(bytes: Buffer, at: number, end: number): void;
}

/** Of a message: its type, and its length without that byte as an int32. */
const HEADER_BYTES = 5;
const [COPY_DATA, COPY_DONE, ERROR_RESPONSE] = [0x64, 0x63, 0x45];
/** Before the first row: the signature, flags, and the length of what else there is. */
const FILE_HEADER_BYTES = 11 + 4 + 4;
const NOTHING = Buffer.alloc(0);

/**
 * The rows that `COPY ... TO STDOUT (FORMAT binary)` sends, of which each is one message. They are given away where they
 * lie in what was read from the connection: objects or slices for each row cost more than making text of it does.
 *
 * @see https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY
 */
export class CopiedRows implements Submittable {
  private stream?: Connection['stream'];
  /** The driver's own, of which all messages are that are not rows. */
  private driver: (bytes: Buffer) => void = () => undefined;
  private over = false;
  private failure?: Error;
  private wake: () => void = () => undefined;
  private readonly wakeUp = (): void => this.wake();
  /** The beginning of a message whose end has not come yet. */
  private begun = NOTHING;
  private rows = 0;
  private headed = false;

  constructor(
    private readonly sql: string,
    private readonly taker: RowTaker,
  ) {}

  /** Called by the driver when it is this statement's turn. */
  submit(connection: Connection): void {
    const { stream } = connection;
    this.stream = stream;
    const [driver] = stream.listeners('data') as ((bytes: Buffer) => void)[];
    if (!driver) throw new Error('The driver does not listen to its connection');
    this.driver = driver;
    stream.off('data', driver).pause().on('readable', this.wakeUp);
    connection.query(this.sql);
  }

  /** Called by the driver when the statement fails or the connection is lost. */
  handleError(error: Error): void {
    this.failure = error;
    this.wakeUp();
  }

  /** Called by the driver. */
  handleCommandComplete(): void {}

  /** Called by the driver. */
  handleReadyForQuery(): void {}

  /** Reads the rows, no faster than they are asked for; the number of those that the taker was given since the last time. */
  async *read(): AsyncGenerator<number> {
    while (!this.over) {
      const bytes = this.stream?.read() as Buffer | null | undefined;
      if (bytes) {
        this.rows = 0;
        this.parse(bytes);
        if (!this.over) free(bytes);
        yield this.rows;
      } else if (this.failure) break;
      else await new Promise<void>((resolve) => (this.wake = resolve));
    }
    if (this.failure) throw this.failure;
  }

  private parse(bytes: Buffer): void {
    let at = this.complete(bytes);
    while (!this.over && at < bytes.length) {
      const end = at + sizeOfMessage(bytes, at);
      if (end > bytes.length) this.begun = Buffer.from(bytes.subarray(at));
      else this.message(bytes, at, end);
      at = end;
    }
    if (at < bytes.length) this.driver(bytes.subarray(at));
  }

  /** Gives the message that has begun what it lacks; how many bytes that took. */
  private complete(bytes: Buffer): number {
    let taken = 0;
    while (this.begun.length > 0) {
      const message = this.begun;
      const lacks = sizeOfMessage(message, 0) - message.length;
      if (lacks === 0) {
        this.begun = NOTHING;
        this.message(message, 0, message.length);
      } else if (taken === bytes.length) break;
      else this.begun = Buffer.concat([message, bytes.subarray(taken, taken + lacks)]);
      taken += Math.min(lacks, bytes.length - taken);
    }
    return taken;
  }

  private message(bytes: Buffer, at: number, end: number): void {
    const type = bytes[at];
    if (type === COPY_DATA) return this.row(bytes, at + HEADER_BYTES, end);
    if (type === COPY_DONE || type === ERROR_RESPONSE) this.giveBack();
    this.driver(bytes.subarray(at, end));
  }

  private row(bytes: Buffer, start: number, end: number): void {
    let at = start;
    if (!this.headed) {
      at += FILE_HEADER_BYTES + bytes.readInt32BE(start + FILE_HEADER_BYTES - 4);
      this.headed = true;
    }
    // After the last row comes -1 where others have the number of their cells.
    if (at === end || bytes.readInt16BE(at) === -1) return;
    this.taker.take(bytes, at + 2, end);
    this.rows += 1;
  }

  /** The driver listens to its connection again, but not before what has been read is parsed. */
  private giveBack(): void {
    this.over = true;
    const { stream } = this;
    stream?.off('readable', this.wakeUp).on('data', this.driver);
    process.nextTick(() => stream?.resume());
  }
}

/** At least: of a message whose header is not there yet the size is not known. */
function sizeOfMessage(bytes: Buffer, at: number): number {
  return at + HEADER_BYTES <= bytes.length ? 1 + bytes.readUInt32BE(at + 1) : HEADER_BYTES;
}

/** Closed: what is handed over to it is nobody's any more. */
const nobody = new MessageChannel().port1;
nobody.close();
/** Memory of Buffer's pool is in use by others, but so many bytes are never from it. */
const OWN_BYTES = Buffer.poolSize >>> 1;

/** Frees at once what was read: up to 32 MiB of such memory come together before V8 looks for what is in no use. */
function free({ buffer, length }: Buffer): void {
  if (length >= OWN_BYTES && length === buffer.byteLength && buffer instanceof ArrayBuffer)
    nobody.postMessage(undefined, [buffer]);
}
