import type { Logger } from '@nestjs/common';

/** So often, in milliseconds, it is told that something still fails in the same way. */
const TOLD_AGAIN_MS = 60_000;

/**
 * Tells of what is tried again and again: that it fails, at once; that it still does, once a minute, or at once if it is
 * in another way; and that it is over. What fails each second for an hour would hide everything else.
 */
export class FailureLog {
  private runs = 0;
  private told: { message: string; at: number } | undefined;

  /** @param name what is tried, as a sentence begins */
  constructor(
    private readonly name: string,
    private readonly log: Logger,
  ) {}

  failed({ message, stack }: Error): void {
    this.runs++;
    const same = this.told?.message === message;
    if (this.told && same && performance.now() - this.told.at < TOLD_AGAIN_MS) return;
    const times = same ? ` (${this.runs} times by now)` : '';
    this.log.error(`${this.name} failed${times}: ${message}`, stack);
    this.told = { message, at: performance.now() };
  }

  succeeded(): void {
    if (this.told) this.log.log(`${this.name} is well again, after ${this.runs} failed runs`);
    this.runs = 0;
    this.told = undefined;
  }
}
