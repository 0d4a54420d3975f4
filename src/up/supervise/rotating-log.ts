import { closeSync, existsSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs';

/** How large a log file may get, and how many older ones are kept (NAME.log.1 is the newest of those). */
export interface RotationOptions {
  maxBytes: number;
  keep: number;
}

const DEFAULTS: RotationOptions = { maxBytes: 10 * 1024 * 1024, keep: 4 };

/**
 * A log file that is rotated by size. Lines are written synchronously, so that the last words before a crash
 * are in it. A disk that is full loses lines, and nothing else.
 */
export class RotatingLog {
  private fd: number;
  private size: number;

  constructor(
    readonly path: string,
    private readonly options: RotationOptions = DEFAULTS,
  ) {
    this.fd = openSync(path, 'a', 0o600);
    this.size = statSync(path).size;
  }

  /** Appends one line (without its line end). */
  write(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    if (this.size > 0 && this.size + bytes.length > this.options.maxBytes) this.rotate();
    try {
      this.size += writeSync(this.fd, bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }

  /** The newest `limit` lines, oldest first, over the rotated files too. */
  tail(limit: number): string[] {
    let lines: string[] = [];
    for (let index = 0; index <= this.options.keep && lines.length < limit; index++) {
      const path = this.numbered(index);
      if (!existsSync(path)) break;
      lines = [...readFileSync(path, 'utf8').split('\n').filter(Boolean), ...lines];
    }
    return lines.slice(-limit);
  }

  close(): void {
    closeSync(this.fd);
  }

  private rotate(): void {
    closeSync(this.fd);
    for (let index = this.options.keep - 1; index >= 0; index--) {
      if (existsSync(this.numbered(index))) renameSync(this.numbered(index), this.numbered(index + 1));
    }
    this.fd = openSync(this.path, 'a', 0o600);
    this.size = 0;
  }

  private numbered(index: number): string {
    return index === 0 ? this.path : `${this.path}.${index}`;
  }
}
