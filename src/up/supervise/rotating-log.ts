import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** How large a log file may get, and how many older ones are kept (NAME.log.1 is the newest of those). */
export interface RotationOptions {
  maxBytes: number;
  keep: number;
}

const DEFAULTS: RotationOptions = { maxBytes: 10 * 1024 * 1024, keep: 4 };

/**
 * A log file that is rotated by size. Lines are written synchronously, so that the last words before a crash
 * are in it. A disk that is full, a quota that is used up, or a folder that was removed loses lines, and nothing else:
 * who writes here keeps an installation running.
 */
export class RotatingLog {
  /** Undefined between files, where the next could not be opened, and at the end. */
  private fd: number | undefined;
  private size: number;
  private closed = false;

  constructor(
    readonly path: string,
    private readonly options: RotationOptions = DEFAULTS,
  ) {
    this.fd = openSync(path, 'a', 0o600);
    this.size = fstatSync(this.fd).size;
  }

  /** Appends one line (without its line end). After the end, it is lost. */
  write(line: string): void {
    if (this.closed) return;
    const bytes = Buffer.from(`${line}\n`);
    try {
      if (this.size > 0 && this.size + bytes.length > this.options.maxBytes) this.rotate();
      this.fd ??= this.open();
      this.size += writeSync(this.fd, bytes);
    } catch {
      // There is nowhere to say it.
    }
  }

  /** The newest `limit` lines, oldest first, over the rotated files too. */
  tail(limit: number): string[] {
    let lines: string[] = [];
    for (let index = 0; index <= this.options.keep && lines.length < limit; index++) {
      const path = this.numbered(index);
      if (!existsSync(path)) continue;
      lines = [...readFileSync(path, 'utf8').split('\n').filter(Boolean), ...lines];
    }
    return lines.slice(-limit);
  }

  close(): void {
    this.closed = true;
    this.closeFile();
  }

  private rotate(): void {
    this.closeFile();
    this.size = 0;
    for (let index = this.options.keep - 1; index >= 0; index--) {
      if (existsSync(this.numbered(index))) renameSync(this.numbered(index), this.numbered(index + 1));
    }
  }

  private open(): number {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    const fd = openSync(this.path, 'a', 0o600);
    this.size = fstatSync(fd).size;
    return fd;
  }

  private closeFile(): void {
    if (this.fd === undefined) return;
    const { fd } = this;
    this.fd = undefined;
    closeSync(fd);
  }

  private numbered(index: number): string {
    return index === 0 ? this.path : `${this.path}.${index}`;
  }
}
