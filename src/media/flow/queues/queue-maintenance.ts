import { Injectable, Logger } from '@nestjs/common';
import { LiveFeed } from '../../../platform/feed/live-feed';
import { QueueState } from './queue-state';
import { type QueueCounts, StepQueues } from './step-queues';

/** What the dispatcher does for the queues on each round. */
@Injectable()
export class QueueMaintenance {
  private readonly log = new Logger(QueueMaintenance.name);
  private told = new Map<string, string>();

  constructor(
    private readonly queues: StepQueues,
    private readonly state: QueueState,
    private readonly feed: LiveFeed,
  ) {}

  /** Makes Bull pause and take up queues as Postgres says; the number of queues that had to be told. */
  async applyPaused(): Promise<number> {
    const [paused, counts] = await Promise.all([this.state.paused(), this.queues.counts()]);
    let changed = 0;
    for (const name of this.queues.names) {
      if (counts[name]?.paused === paused.has(name)) continue;
      if (!(await this.queues.setPaused(name, paused.has(name)))) continue;
      changed += 1;
      this.log.log(`Bull did not know that queue ${name} is ${paused.has(name) ? 'paused' : 'running'}`);
    }
    return changed;
  }

  /** Clears entries that dead workers hold; their steps are recovered by their leases. */
  async clearStalled(): Promise<number> {
    for (const name of this.queues.names) await this.queues.get(name).moveUnlockedJobsToWait();
    return 0;
  }

  /** Tells those who watch the queues whose counts have changed since the last round. */
  async publishCounts(): Promise<number> {
    const [counts, standings] = await Promise.all([this.queues.counts(), this.state.standings()]);
    for (const [queue, { paused, ...rest }] of Object.entries<QueueCounts>(counts)) {
      const drain = standings.get(queue)?.drain ?? null;
      const state = JSON.stringify([paused, drain, rest]);
      if (this.told.get(queue) === state) continue;
      this.told.set(queue, state);
      await this.feed.publish('queues', { queue, paused, drain, counts: rest });
    }
    return 0;
  }
}
