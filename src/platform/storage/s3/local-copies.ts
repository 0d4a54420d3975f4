import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { storageError } from '../local-disk';
import type { LocalFile } from '../blob-store';

/** Where the copies come from. */
export interface CopySource {
  /** The size of what is under a key, in bytes. @throws Error if there is nothing */
  sizeOf(key: string): Promise<number>;
  /** Writes what is under a key into a new file, whole and checked, or throws. */
  download(key: string, path: string): Promise<void>;
}

interface Copy {
  readonly path: string;
  /** In bytes; 0 until it is known. */
  size: number;
  /** How many need it now. */
  holders: number;
  readonly ready: Promise<void>;
}

/**
 * Copies of stored files in a folder of this process: each is fetched once, however many ask for it, and kept for
 * the next who does. Together they stay below `maxBytes`, the least recently used going first; what somebody holds
 * never goes, so it is exceeded where more than that is held at a time.
 */
export class LocalCopies {
  /** In the order of their use. */
  private readonly copies = new Map<string, Copy>();

  constructor(
    private readonly folder: string,
    private readonly maxBytes: number,
    private readonly source: CopySource,
  ) {}

  /** A copy of what is under `key`, until it is released. @throws Error; AppError STORAGE_FULL */
  async take(key: string): Promise<LocalFile> {
    const copy = this.copies.get(key) ?? this.begin(key);
    this.copies.delete(key);
    this.copies.set(key, copy);
    copy.holders += 1;
    let held = true;
    const release = () => {
      if (held) copy.holders -= 1;
      held = false;
    };
    try {
      await copy.ready;
    } catch (error) {
      release();
      throw storageError(error);
    }
    return { path: copy.path, release };
  }

  /** Removes all copies, held or not. */
  async removeAll(): Promise<void> {
    this.copies.clear();
    await rm(this.folder, { recursive: true, force: true });
  }

  private begin(key: string): Copy {
    const path = join(this.folder, uuidv7());
    const copy: Copy = {
      path,
      size: 0,
      holders: 0,
      ready: Promise.resolve().then(() => this.fetch(key, copy)),
    };
    return copy;
  }

  private async fetch(key: string, copy: Copy): Promise<void> {
    try {
      copy.size = await this.source.sizeOf(key);
      await this.makeRoom();
      await mkdir(this.folder, { recursive: true, mode: 0o700 });
      await this.source.download(key, copy.path);
    } catch (error) {
      // The next who asks begins anew.
      if (this.copies.get(key) === copy) this.copies.delete(key);
      await rm(copy.path, { force: true });
      throw error;
    }
  }

  private async makeRoom(): Promise<void> {
    let total = [...this.copies.values()].reduce((sum, copy) => sum + copy.size, 0);
    for (const [key, copy] of this.copies) {
      if (total <= this.maxBytes) return;
      if (copy.holders > 0) continue;
      total -= copy.size;
      this.copies.delete(key);
      await rm(copy.path, { force: true });
    }
  }
}
