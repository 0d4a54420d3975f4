import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { StoredBlob } from '../../platform/storage/blob-store';

/** Bytes are written this many at a time ... */
const BLOCK_BYTES = 1 << 20;
/** ... and so many may be on their way to the disk: at the end all of them must be there, and who waits, waits then. */
const UNSYNCED_BYTES = 16 << 20;

/** A new file that is written in large blocks, and hashed on the way. */
export class BlockFile {
  private readonly hash = createHash('sha256');
  private readonly block = Buffer.allocUnsafe(BLOCK_BYTES);
  private used = 0;
  private size = 0;
  private synced = 0;
  private syncing?: Promise<PromiseSettledResult<void>>;

  constructor(private readonly file: FileHandle) {}

  /** Adds bytes, which may be changed afterwards. */
  async append(bytes: Buffer): Promise<void> {
    let taken = 0;
    while (taken < bytes.length) {
      const copied = bytes.copy(this.block, this.used, taken);
      taken += copied;
      this.used += copied;
      if (this.used === BLOCK_BYTES) await this.flush();
    }
  }

  /** Writes what is left. */
  async end(): Promise<StoredBlob> {
    await this.flush();
    await this.syncEnd();
    return { size: this.size, sha256: this.hash.digest('hex') };
  }

  async close(): Promise<void> {
    await this.syncing;
    await this.file.close();
  }

  private async flush(): Promise<void> {
    const bytes = this.block.subarray(0, this.used);
    const written = this.file.appendFile(bytes);
    // While another thread writes it.
    this.hash.update(bytes);
    await written;
    this.size += this.used;
    this.used = 0;
    if (this.size - this.synced >= UNSYNCED_BYTES) await this.sync();
  }

  /** Lets the disk begin with what is there, as soon as it has ended with what was there before. */
  private async sync(): Promise<void> {
    await this.syncEnd();
    this.synced = this.size;
    this.syncing = Promise.allSettled([this.file.datasync()]).then(([outcome]) => outcome);
  }

  private async syncEnd(): Promise<void> {
    const outcome = await this.syncing;
    if (outcome?.status === 'rejected') throw outcome.reason;
  }
}
