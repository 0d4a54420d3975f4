import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { storageError } from '../local-disk';
import type { LocalFile } from '../blob-store';

/** Where the copies come from. */
export interface CopySource {
  /** The size of what is under a key, in bytes. @throws Error if there is nothing; sooner if the signal says so */
  sizeOf(key: string, signal: AbortSignal): Promise<number>;
  /** Writes what is under a key into a new file, whole and checked, or throws; sooner if the signal says so. */
  download(key: string, path: string, signal: AbortSignal): Promise<void>;
}

interface Copy {
  readonly path: string;
  /** In bytes; 0 until it is known. */
  size: number;
  /** How many need it now. */
  holders: number;
  readonly ready: Promise<void>;
  /** Whether it is ready. */
  whole: boolean;
  /** Ends fetching it. */
  readonly fetching: AbortController;
}

/**
 * Copies of stored files in a folder of this process: each is fetched once, however many ask for it, and kept for
 * the next who does; but not to its end, if nobody waits for it any longer. Together they stay below `maxBytes`, the
 * least recently used going first; what somebody holds never goes, so it is exceeded where more than that is held at a
 * time.
 */
export class LocalCopies {
  /** In the order of their use. */
  private readonly copies = new Map<string, Copy>();

  constructor(
    private readonly folder: string,
    private readonly maxBytes: number,
    private readonly source: CopySource,
  ) {}

  /**
   * A copy of what is under `key`, until it is released.
   *
   * @param signal ends the wait for it
   * @throws Error; AppError STORAGE_FULL; the reason of `signal`
   */
  async take(key: string, signal?: AbortSignal): Promise<LocalFile> {
    signal?.throwIfAborted();
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
      await (signal ? unlessAborted(copy.ready, signal) : copy.ready);
    } catch (error) {
      release();
      if (copy.holders === 0 && !copy.whole) this.giveUp(key, copy);
      signal?.throwIfAborted();
      throw storageError(error);
    }
    return { path: copy.path, release };
  }

  /** Removes all copies, held or not. */
  async removeAll(): Promise<void> {
    for (const copy of this.copies.values()) copy.fetching.abort();
    this.copies.clear();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Nobody waits for it any longer: the next who asks begins anew. */
  private giveUp(key: string, copy: Copy): void {
    if (this.copies.get(key) === copy) this.copies.delete(key);
    copy.fetching.abort();
  }

  private begin(key: string): Copy {
    const path = join(this.folder, uuidv7());
    const copy: Copy = {
      path,
      size: 0,
      holders: 0,
      whole: false,
      fetching: new AbortController(),
      ready: Promise.resolve().then(() => this.fetch(key, copy)),
    };
    return copy;
  }

  private async fetch(key: string, copy: Copy): Promise<void> {
    try {
      const { signal } = copy.fetching;
      copy.size = await this.source.sizeOf(key, signal);
      await this.makeRoom();
      await mkdir(this.folder, { recursive: true, mode: 0o700 });
      await this.source.download(key, copy.path, signal);
      signal.throwIfAborted();
      copy.whole = true;
    } catch (error) {
      this.giveUp(key, copy);
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

/** What comes of the promise, which goes on in any case. @throws the reason of `signal`, if it is aborted first */
async function unlessAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const aborted = new Promise<never>((_resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true, signal: over.signal });
  });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    over.abort();
  }
}
