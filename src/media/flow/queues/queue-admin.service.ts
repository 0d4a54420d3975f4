import { Injectable, Logger } from '@nestjs/common';
import { AppError } from '../../../platform/errors/app-error';
import { LiveFeed } from '../../../platform/feed/live-feed';
import { MessageBus } from '../../../platform/messages/message-bus';
import { Db, type Tx } from '../../../platform/postgres/db';
import { JobCancellation } from '../../jobs/job-cancellation';
import type { MovedStep } from '../transitions';
import { QueueState } from './queue-state';
import { StepQueues } from './step-queues';

/** Steps that are dealt with in one go. */
const CHUNK = 200;

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
    private readonly cancellation: JobCancellation,
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

  /** Makes Bull do as Postgres says by now, and tells those who watch what has changed. */
  async follow(results: readonly PauseResult[]): Promise<void> {
    const paused = await this.state.paused();
    await Promise.all(
      results.map(async ({ queue, changed }) => {
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
   * `reason`. Steps of this queue that run go on to their end. Stops between two chunks when aborted.
   *
   * @param options.jobIds only these jobs (frozen by a preview)
   * @throws AppError QUEUE_NOT_FOUND
   */
  async clear(
    name: string,
    options: {
      reason?: string;
      jobIds?: readonly string[];
      onProgress?: (done: number, total: number) => void | Promise<void>;
      signal?: AbortSignal;
    } = {},
  ): Promise<{ cancelled_jobs: number; removed_entries: number }> {
    this.assertExists(name);
    const jobIds = options.jobIds ?? null;
    const [now] = await this.db.query<{ total: number; until: string }>(
      `SELECT count(*)::int AS total, now()::text AS until FROM steps
       WHERE agent = $1 AND status = 'queued' AND ($2::uuid[] IS NULL OR job_id = ANY($2))`,
      [name, jobIds],
    );
    const { total, until } = now ?? { total: 0, until: '-infinity' };
    const reason = options.reason ?? `The queue ${name} was cleared`;
    let cancelled = 0;
    let removed = 0;
    let after = '00000000-0000-0000-0000-000000000000';
    while (!options.signal?.aborted) {
      // What comes to the queue while it is being cleared stays.
      const steps = await this.db.query<MovedStep>(
        `SELECT id, job_id, agent, status, attempt, priority, progress, not_before FROM steps
         WHERE agent = $1 AND status = 'queued' AND ($2::uuid[] IS NULL OR job_id = ANY($2))
           AND queued_at <= $3::timestamptz AND job_id > $4 ORDER BY job_id LIMIT $5`,
        [name, jobIds, until, after, CHUNK],
      );
      if (steps.length === 0) break;
      const taken: MovedStep[] = [];
      for (const step of steps) if (await this.cancellation.cancelWaiting(step, reason)) taken.push(step);
      cancelled += taken.length;
      removed += await this.removeEntries(taken);
      after = steps.at(-1)?.job_id ?? after;
      await options.onProgress?.(cancelled, total);
    }
    await this.announce(name);
    return { cancelled_jobs: cancelled, removed_entries: removed };
  }

  private async setPaused(name: string, paused: boolean, tx?: Tx): Promise<PauseResult[]> {
    if (name !== 'all') this.assertExists(name);
    const results: PauseResult[] = [];
    // In the order of the graph, so that two who pause all never wait for each other.
    for (const queue of name === 'all' ? this.queues.names : [name])
      results.push({ queue, changed: await this.state.set(queue, paused, tx), paused });
    if (!tx) await this.follow(results);
    return results;
  }

  private async removeEntries(steps: readonly MovedStep[]): Promise<number> {
    try {
      return await this.queues.remove(steps);
    } catch (error) {
      // What stays behind in Bull is refused when a worker wants to claim it.
      this.log.warn(`Entries of cancelled steps stay in Redis for now: ${(error as Error).message}`);
      return 0;
    }
  }

  private async announce(queue: string): Promise<void> {
    const paused = (await this.state.paused()).has(queue);
    await Promise.all([
      this.feed.publish('queues', { queue, paused }),
      this.bus.publish('queue.changed', { queue }),
    ]);
  }

  private assertExists(name: string): void {
    if (!this.exists(name))
      throw new AppError('QUEUE_NOT_FOUND', `There is no queue called ${JSON.stringify(name)}.`);
  }
}
