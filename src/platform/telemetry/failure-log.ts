import type { Logger } from '@nestjs/common';
import { reasonOf } from '../errors/unavailable';

/** So often, in milliseconds, it is told that something still fails in the same way. */
const TOLD_AGAIN_MS = 60_000;

/** What is told, as sentences without their end. */
interface Sentences {
  /** As in `Settings cannot be read`; the reason follows. */
  fails: string;
  /** As in `Settings can be read again`. */
  again: string;
}

/**
 * Tells of what is tried again and again: that it fails, at once; that it still does, once a minute, or at once if it is
 * for another reason; and that it is over. What fails each second for an hour would hide everything else.
 */
export class FailureLog {
  private failures = 0;
  private told: { reason: string; at: number } | undefined;

  constructor(
    private readonly log: Logger,
    private readonly sentences: Sentences,
    private readonly level: 'warn' | 'error' = 'warn',
  ) {}

  failed(error: unknown): void {
    const reason = reasonOf(error);
    this.failures++;
    const same = this.told?.reason === reason;
    if (this.told && same && performance.now() - this.told.at < TOLD_AGAIN_MS) return;
    const line = `${this.sentences.fails}${same ? ` (${this.failures} times by now)` : ''}: ${reason}`;
    if (this.level === 'error') this.log.error(line, error instanceof Error ? error.stack : undefined);
    else this.log.warn(line);
    this.told = { reason, at: performance.now() };
  }

  succeeded(): void {
    if (!this.told) return;
    const times = this.failures === 1 ? 'one failure' : `${this.failures} failures`;
    this.log.log(`${this.sentences.again}, after ${times}`);
    this.failures = 0;
    this.told = undefined;
  }
}
