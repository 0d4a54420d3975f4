import { Logger } from '@nestjs/common';
import type { LiveFeed } from '../../platform/feed/live-feed';
import type { Progress } from '../catalogue/action-command';
import type { OperationStore, TakenOperation } from './operation-store';

/** At most so often, in milliseconds. */
const EVERY_MS = 500;

/** Passes on how far an operation is: to Postgres and to subscribers, the newest, not more often than useful. */
export class ProgressReporter {
  private readonly log = new Logger(ProgressReporter.name);
  private newest?: Progress;
  private timer?: NodeJS.Timeout;
  private sending: Promise<void> = Promise.resolve();

  constructor(
    private readonly operation: TakenOperation,
    private readonly store: OperationStore,
    private readonly feed: LiveFeed,
  ) {}

  /** Takes note of a progress. */
  report(progress: Progress): void {
    this.newest = progress;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.sending = this.sending.then(() => this.send());
    }, EVERY_MS);
  }

  /** Stops, after what was reported last has been passed on. */
  async end(): Promise<void> {
    clearTimeout(this.timer);
    await this.sending;
    await this.send();
  }

  private async send(): Promise<void> {
    const progress = this.newest;
    if (!progress) return;
    this.newest = undefined;
    const { claim, action, actor } = this.operation;
    try {
      await this.store.saveProgress(claim, progress);
    } catch (error) {
      // The next one makes up for it.
      this.log.warn(`Progress of ${claim.executionId} was not saved: ${(error as Error).message}`);
    }
    await this.feed.publish('executions', {
      execution_id: claim.executionId,
      action,
      kind: 'act',
      actor_id: actor.userId,
      status: 'running',
      progress,
    });
  }
}
