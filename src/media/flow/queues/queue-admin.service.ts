import { Injectable, Logger } from '@nestjs/common';
import { AppError } from '../../../platform/errors/app-error';
import { LiveFeed } from '../../../platform/feed/live-feed';
import { MessageBus } from '../../../platform/messages/message-bus';
import { Db, type Tx } from '../../../platform/postgres/db';
import { type Clearing, type ClearOptions, QueueClearing } from './queue-clearing';
import { QueueState } from './queue-state';
import { StepQueues } from './step-queues';

/** What pausing or resuming did to one queue. */
export interface PauseResult {
  queue: string;
  changed: boolean;
  paused: boolean;
}

/** The state of one queue, in numbers. */
export interface QueueInfo {
  waiting: number;
  active: number;
  delayed: number;
  /** Steps that failed for good in the last 24 hours. */
  failed: number;
  paused: boolean;
}

/** What an operator does to queues. */
@Injectable()
export class QueueAdmin {
  private readonly log = new Logger(QueueAdmin.name);

  constructor(
    private readonly db: Db,
    private readonly queues: StepQueues,
    private readonly state: QueueState,
    private readonly clearing: QueueClearing,
    private readonly feed: LiveFeed,
    private readonly bus: MessageBus,
  ) {}

  /** The names of all queues, which are those of the agents, in the order of the graph. */
  list(): readonly string[] {
    return this.queues.names;
  }

  /** Whether there is a queue of this name. */
  exists(name: string): boolean {
    return this.queues.names.includes(name);
  }

  /**
   * Workers take nothing more from it; what runs goes on. Within a transaction (`tx`), call {@link follow} after the
   * commit.
   *
   * @throws AppError QUEUE_NOT_FOUND
   */
  pause(name: string, tx?: Tx): Promise<PauseResult[]> {
    return this.setPaused(name, true, tx);
  }

  /** The reverse of {@link pause}, and like it. @throws AppError QUEUE_NOT_FOUND */
  resume(name: string, tx?: Tx): Promise<PauseResult[]> {
    return this.setPaused(name, false, tx);
  }

  /**
   * What {@link pause} or {@link resume} would come to where nothing is left to change; undefined if something is. It
   * costs no transaction: that all is as wanted at this moment is as true as it would be at the end of one.
   *
   * @throws AppError QUEUE_NOT_FOUND
   */
  async unchanged(name: string, wanted: boolean): Promise<PauseResult[] | undefined> {
    const names = this.namesOf(name);
    const paused = await this.state.paused();
    return names.every((queue) => paused.has(queue) === wanted)
      ? names.map((queue) => ({ queue, changed: false, paused: wanted }))
      : undefined;
  }

  /** Makes Bull do as Postgres says by now, and tells those who watch what has changed. */
  async follow(results: readonly PauseResult[]): Promise<void> {
    const behind = await this.behind(results);
    if (behind.length === 0) return;
    const paused = await this.state.paused();
    await Promise.all(
      behind.map(async ({ queue, changed }) => {
        try {
          await this.queues.setPaused(queue, paused.has(queue));
        } catch (error) {
          // Claims look at Postgres, and the dispatcher makes Bull follow when Redis is back.
          this.log.warn(`Bull will follow later with queue ${queue}: ${(error as Error).message}`);
        }
        if (changed) await this.announce(queue);
      }),
    );
  }

  /** The state of every queue: one round trip to Redis and two statements over indexes. */
  async counts(): Promise<Record<string, QueueInfo>> {
    const [counts, paused, failed] = await Promise.all([
      this.queues.counts(),
      this.state.paused(),
      this.db.query<{ agent: string; failed: number }>(
        `SELECT agent, count(*)::int AS failed FROM steps
         WHERE status = 'failed' AND finished_at > now() - interval '24 hours' GROUP BY agent`,
      ),
    ]);
    const failedOf = new Map(failed.map((row) => [row.agent, row.failed]));
    return Object.fromEntries(
      Object.entries(counts).map(([name, { waiting, active, delayed }]) => [
        name,
        { waiting, active, delayed, failed: failedOf.get(name) ?? 0, paused: paused.has(name) },
      ]),
    );
  }

  /**
   * Takes out all that waits for this queue, in Bull and in Postgres; the jobs concerned become cancelled with
   * the reason. Steps of this queue that run go on to their end. Stops after a job when aborted.
   *
   * @throws AppError QUEUE_NOT_FOUND
   */
  async clear(name: string, options: ClearOptions = {}): Promise<Clearing & { left: number }> {
    this.assertExists(name);
    const cleared = await this.clearing.run(name, options);
    await this.announce(name);
    return cleared;
  }

  private async setPaused(name: string, paused: boolean, tx?: Tx): Promise<PauseResult[]> {
    const results: PauseResult[] = [];
    for (const queue of this.namesOf(name))
      results.push({ queue, changed: await this.state.set(queue, paused, tx), paused });
    if (!tx) await this.follow(results);
    return results;
  }

  /** In the order of the graph, so that two who pause all never wait for each other. */
  private namesOf(name: string): readonly string[] {
    if (name === 'all') return this.queues.names;
    this.assertExists(name);
    return [name];
  }

  /** Those of the queues where something changed, or where Bull does not do as Postgres says. */
  private async behind(results: readonly PauseResult[]): Promise<PauseResult[]> {
    const astray = await Promise.all(
      results.map(
        async ({ queue, changed, paused }) =>
          // Nobody knows what Bull does while Redis is away.
          changed || (await this.queues.isPaused(queue).catch(() => !paused)) !== paused,
      ),
    );
    return results.filter((_, i) => astray[i]);
  }

  private async announce(queue: string): Promise<void> {
    const paused = (await this.state.paused()).has(queue);
    await Promise.all([
      this.feed.publish('queues', { queue, paused }),
      this.bus.publish('queue.changed', { queue }),
    ]);
  }

  private assertExists(name: string): void {
    // The name is not repeated: the answer is kept, and what was sent as a name may be anything.
    if (!this.exists(name)) throw new AppError('QUEUE_NOT_FOUND');
  }
}
