import type { Logger } from '@nestjs/common';
import { reasonOf } from '../platform/errors/unavailable';

/** So often, in milliseconds, it is told that something still fails in the same way. */
const TOLD_AGAIN_MS = 60_000;

/**
 * Tells of what is tried again and again: that it fails, at once; that it still does, once a minute, or at once if it is
 * in another way; and that it is over. What fails each second for an hour would hide everything else.
 */
export class FailureLog {
  private runs = 0;
  private told: { reason: string; at: number } | undefined;

  /** @param name what is tried, as a sentence begins */
  constructor(
    private readonly name: string,
    private readonly log: Logger,
  ) {}

  failed(error: Error): void {
    const reason = reasonOf(error);
    this.runs++;
    const same = this.told?.reason === reason;
    if (this.told && same && performance.now() - this.told.at < TOLD_AGAIN_MS) return;
    const times = same ? ` (${this.runs} times by now)` : '';
    this.log.error(`${this.name} failed${times}: ${reason}`, error.stack);
    this.told = { reason, at: performance.now() };
  }

  succeeded(): void {
    if (this.told) this.log.log(`${this.name} is well again, after ${this.runs} failed runs`);
    this.runs = 0;
    this.told = undefined;
  }
}
