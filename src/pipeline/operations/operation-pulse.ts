import { Logger } from '@nestjs/common';
import { reasonOf } from '../../platform/errors/unavailable';
import type { LiveFeed } from '../../platform/feed/live-feed';
import type { Progress } from '../catalogue/action-command';
import { ClaimLost } from '../executions/lease-keeper';
import type { OperationStore, TakenOperation } from './operation-store';
import { AbortRequested } from './stop-reasons';

/** Progress is passed on at most so often, in milliseconds. */
const EVERY_MS = 500;
/** After so many of these without news the old progress is passed on again: once a second. */
const SILENT_BEATS = 2;

/**
 * The sign of life of a running operation. Passes on how far it is, to Postgres and to subscribers: at least once
 * a second, however quiet the handler is, and at most twice. With each beat the claim is renewed, and what
 * others want of the operation is found out, should their message have been lost.
 */
export class OperationPulse {
  private readonly log = new Logger(OperationPulse.name);
  private progress: Progress;
  private news = false;
  private silent = 0;
  private heldUntil: number;
  private readonly timer: NodeJS.Timeout;
  private beating?: Promise<void>;
  private telling?: Promise<void>;

  constructor(
    private readonly operation: TakenOperation,
    private readonly leaseS: number,
    private readonly abort: AbortController,
    private readonly store: OperationStore,
    private readonly feed: LiveFeed,
  ) {
    this.progress = operation.progress;
    this.heldUntil = performance.now() + leaseS * 1000;
    this.timer = setInterval(() => this.tick(), EVERY_MS);
  }

  /** How far the operation is. */
  get current(): Progress {
    return this.progress;
  }

  /** Takes note of a progress. */
  report(progress: Progress): void {
    this.progress = progress;
    this.news = true;
  }

  /** Stops, after what was reported last has been passed on. */
  async end(): Promise<void> {
    clearInterval(this.timer);
    await this.beating;
    if (this.news) {
      // Else what it is to tell would be left to one that tells of less.
      await this.telling;
      await this.beat();
    }
    await this.telling;
  }

  private tick(): void {
    this.silent += 1;
    if (this.beating) {
      // One at a time: while Postgres hangs they must not pile up. How long that lasts, nobody says.
      this.endIfLost();
      return;
    }
    if (!this.news && this.silent < SILENT_BEATS) return;
    this.beating = this.beat().finally(() => (this.beating = undefined));
  }

  private async beat(): Promise<void> {
    const { claim } = this.operation;
    const { progress } = this;
    this.news = false;
    this.silent = 0;
    const askedAt = performance.now();
    try {
      const held = await this.store.beat(claim, this.leaseS, progress);
      if (!held) return this.abort.abort(new ClaimLost());
      this.heldUntil = askedAt + this.leaseS * 1000;
      if (held.abortRequested) this.abort.abort(new AbortRequested());
    } catch (error) {
      // The next beat makes up for it, unless the claim has run out by then.
      this.log.warn(`Operation ${claim.executionId} gave no sign of life: ${reasonOf(error)}`);
      this.endIfLost();
    }
    // Not waited for: the claim is Postgres' alone, and is kept while Redis hangs. One at a time here too.
    this.telling ??= this.tell().finally(() => (this.telling = undefined));
  }

  private tell(): Promise<void> {
    const { claim, action, actor } = this.operation;
    return this.feed.publish('executions', {
      execution_id: claim.executionId,
      action,
      kind: 'act',
      actor_id: actor.userId,
      status: 'running',
      progress: this.progress,
    });
  }

  /** By then another process may have begun. */
  private endIfLost(): void {
    if (performance.now() > this.heldUntil) this.abort.abort(new ClaimLost());
  }
}
