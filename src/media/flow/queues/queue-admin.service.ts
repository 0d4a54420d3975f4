import { Injectable, Logger } from '@nestjs/common';
import { AppError } from '../../../platform/errors/app-error';
import type { Tx } from '../../../platform/postgres/db';
import { RedisService } from '../../../platform/redis/redis.service';
import { type Clearing, type ClearOptions, QueueClearing } from './queue-clearing';
import { QueueNews } from './queue-news';
import { QueuePurging } from './queue-purging';
import { type Drain, type QueueStanding, QueueState } from './queue-state';
import { StepQueues } from './step-queues';
import { SWEPT } from './swept-mark';
import { reasonOf } from '../../../platform/errors/unavailable';

/** What pausing or resuming did to one queue. */
export interface PauseResult {
  queue: string;
  changed: boolean;
  paused: boolean;
  /** Whether it drained, or was drained, until then. */
  drain_ended?: true;
}

/** The state of one queue, in numbers. */
export interface QueueInfo {
  /** Those that a drain holds back are among them. */
  waiting: number;
  active: number;
  delayed: number;
  /** Steps that failed for good, and were neither retried nor purged since. */
  failed: number;
  paused: boolean;
  drain: Drain | null;
}

/** What an operator does to queues. */
@Injectable()
export class QueueAdmin {
  private readonly log = new Logger(QueueAdmin.name);
  /** How queues stand after what was done to them: told at the commit, without another look. */
  private readonly after = new WeakMap<PauseResult, QueueStanding>();

  constructor(
    private readonly redis: RedisService,
    private readonly queues: StepQueues,
    private readonly state: QueueState,
    private readonly clearing: QueueClearing,
    private readonly purging: QueuePurging,
    private readonly news: QueueNews,
  ) {}

  /** The names of all queues, which are those of the agents, in the order of the graph. */
  list(): readonly string[] {
    return this.queues.names;
  }

  /** Whether there is a queue of this name. */
  exists(name: string): boolean {
    return this.queues.names.includes(name);
  }

  /** How it stands. */
  standing(name: string): Promise<QueueStanding> {
    return this.state.standing(name);
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

  /** The reverse of {@link pause}, and like it; also ends drains. @throws AppError QUEUE_NOT_FOUND */
  resume(name: string, tx?: Tx): Promise<PauseResult[]> {
    return this.setPaused(name, false, tx);
  }

  /**
   * What {@link pause} or {@link resume} would come to where nothing is left to change, with Bull made to follow;
   * undefined if something is. It costs no transaction: that all is as wanted at this moment is as true as it would be
   * at the end of one.
   *
   * @throws AppError QUEUE_NOT_FOUND
   */
  async unchanged(name: string, wanted: boolean): Promise<PauseResult[] | undefined> {
    const results = this.namesOf(name).map((queue) => ({ queue, changed: false, paused: wanted }));
    const [standings, behind] = await Promise.all([this.state.standings(), this.behind(results)]);
    const asWanted = results.every(({ queue }) => {
      const { paused = false, drain = null } = standings.get(queue) ?? {};
      return paused === wanted && (wanted || drain === null);
    });
    if (!asWanted) return undefined;
    await this.catchUp(behind);
    return results;
  }

  /** Makes Bull do as Postgres says by now, and at the same time tells those who watch what has changed. */
  async follow(results: readonly PauseResult[]): Promise<void> {
    const changed = results.filter((result) => result.changed);
    await Promise.all([
      ...changed.map((result) => this.news.changed(result.queue, this.after.get(result))),
      this.behind(results).then((behind) => this.catchUp(behind)),
      results.some((result) => result.drain_ended) ? this.letIn() : undefined,
    ]);
  }

  /** The state of every queue: one round trip to Redis and statements over indexes. */
  async counts(): Promise<Record<string, QueueInfo>> {
    const [counts, standings, held, failed] = await Promise.all([
      this.queues.counts(),
      this.state.standings(),
      this.state.held(),
      this.purging.failed(this.queues.names),
    ]);
    return Object.fromEntries(
      Object.entries(counts).map(([name, { waiting, active, delayed }]) => {
        const { paused = false, drain = null } = standings.get(name) ?? {};
        const all = waiting + (held.get(name) ?? 0);
        return [name, { waiting: all, active, delayed, failed: failed.get(name) ?? 0, paused, drain }];
      }),
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
    await this.news.changed(name);
    return cleared;
  }

  private async setPaused(name: string, paused: boolean, tx?: Tx): Promise<PauseResult[]> {
    const results: PauseResult[] = [];
    for (const queue of this.namesOf(name)) results.push(await this.set(queue, paused, tx));
    if (!tx) await this.follow(results);
    return results;
  }

  /** In the order of the graph, so that two who pause all never wait for each other. */
  private namesOf(name: string): readonly string[] {
    if (name === 'all') return this.queues.names;
    this.assertExists(name);
    return [name];
  }

  /** Makes Bull follow where it is behind. */
  private async catchUp(behind: readonly PauseResult[]): Promise<void> {
    if (behind.length === 0) return;
    const paused = await this.state.paused();
    await Promise.all(
      behind.map(async ({ queue }) => {
        try {
          await this.queues.setPaused(queue, paused.has(queue));
        } catch (error) {
          // Claims look at Postgres, and the dispatcher makes Bull follow when Redis is back.
          this.log.warn(`Bull will follow later with queue ${queue}: ${reasonOf(error)}`);
        }
      }),
    );
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

  private async set(queue: string, paused: boolean, tx?: Tx): Promise<PauseResult> {
    const { changed, drainEnded, after } = await (paused
      ? this.state.pause(queue, tx)
      : this.state.resume(queue, tx));
    const result: PauseResult = { queue, changed, paused, ...(drainEnded ? { drain_ended: true } : {}) };
    if (after) this.after.set(result, after);
    return result;
  }

  /** Has the dispatcher hand over all that a drain has held back. */
  private async letIn(): Promise<void> {
    try {
      await this.redis.client.del(this.redis.key(...SWEPT));
    } catch (error) {
      // It goes round over what waits anyway.
      this.log.warn(`What a drain held back comes in slowly: ${reasonOf(error)}`);
    }
  }

  /** @throws AppError QUEUE_NOT_FOUND */
  assertExists(name: string): void {
    // The name is not repeated: the answer is kept, and what was sent as a name may be anything.
    if (!this.exists(name)) throw new AppError('QUEUE_NOT_FOUND');
  }
}
