import { Injectable } from '@nestjs/common';
import { Db, type Tx } from '../../../platform/postgres/db';
import { RedisService } from '../../../platform/redis/redis.service';
import { ChunkSize } from './chunk-size';
import { PURGE } from './entry-scripts';
import { QueueNews } from './queue-news';
import { StepQueues } from './step-queues';

/** How long one call may hold up everybody else who uses Redis, in milliseconds. */
const STALL_MS = 5;
/** Where Bull keeps entries that have come to an end. */
const FINISHED_SETS = ['failed', 'completed'] as const;

/** What was failed in a queue, by now or before a time. */
const FAILED = `
SELECT s.agent, count(*) AS failed FROM steps s LEFT JOIN queues q ON q.name = s.agent
WHERE s.status = 'failed' AND s.agent = ANY($1) AND s.finished_at < $2::timestamptz
  AND (q.purged_before IS NULL OR s.finished_at >= q.purged_before)
GROUP BY s.agent`;

/** What purging a queue came to. */
export interface QueuePurged {
  queue: string;
  /** Failed steps that the queue counts no more; they keep their state, and so do their jobs. */
  purged: number;
  /** Entries that Redis had kept of steps that ended. */
  removed_entries: number;
}

/** How far purging a queue is. */
export interface Purging extends QueuePurged {
  /** Entries that Redis had kept when it began. */
  found: number;
}

/** How to purge a queue. */
export interface PurgeOptions {
  /** What failed before this time goes, ISO 8601. */
  before: string;
  /** Of an earlier run, which is gone on with. */
  from?: Purging;
  /** Called with how far it is: first in the transaction in which Postgres forgets, then after each chunk. */
  onPurged: (state: Purging, tx?: Tx) => Promise<void>;
  signal: AbortSignal;
}

/**
 * Clears failed entries away. They are a matter of the queue alone: jobs and steps keep their history in Postgres,
 * where the queue notes from when on it counts failures.
 */
@Injectable()
export class QueuePurging {
  private readonly size = new ChunkSize({ targetMs: STALL_MS, least: 50, most: 1_000 });

  constructor(
    private readonly db: Db,
    private readonly redis: RedisService,
    private readonly queues: StepQueues,
    private readonly news: QueueNews,
  ) {}

  /** The time so many hours ago, by the clock that steps end by. */
  async cutoff(hours: number): Promise<string> {
    const [row] = await this.db.query<{ cutoff: Date }>(
      `SELECT date_trunc('milliseconds', now() - make_interval(hours => $1)) AS cutoff`,
      [hours],
    );
    if (!row) throw new Error('Postgres does not tell the time');
    return row.cutoff.toISOString();
  }

  /** How many failed steps each of these queues counts, of those that failed before a time. */
  async failed(
    queues: readonly string[],
    before = 'infinity',
    tx: Tx = this.db,
  ): Promise<ReadonlyMap<string, number>> {
    const rows = await tx.query<{ agent: string; failed: number }>(FAILED, [queues, before]);
    return new Map(rows.map((row) => [row.agent, row.failed]));
  }

  /** Purges the queue; it stops after a chunk when it is to. `whole`: nothing was left. */
  async run(queue: string, options: PurgeOptions): Promise<Purging & { whole: boolean }> {
    let state = options.from
      ? await this.takenUp(options.from, options.before)
      : await this.forget(queue, options);
    for (const set of FINISHED_SETS)
      for (;;) {
        if (options.signal.aborted) return { ...state, whole: false };
        const limit = this.size.current;
        const removed = await this.removeChunk(queue, set, Date.parse(options.before), limit);
        state = { ...state, removed_entries: state.removed_entries + removed };
        if (removed > 0) await options.onPurged(state);
        if (removed < limit) break;
      }
    await this.news.changed(queue);
    return { ...state, whole: true };
  }

  private forget(queue: string, { before, onPurged }: PurgeOptions): Promise<Purging> {
    return this.db.transaction(async (tx) => {
      // Locks the row first, so that two who purge at once do not both count the same failures.
      await tx.execute('INSERT INTO queues (name) VALUES ($1) ON CONFLICT (name) DO NOTHING', [queue]);
      await tx.query('SELECT FROM queues WHERE name = $1 FOR UPDATE', [queue]);
      const purged = (await this.failed([queue], before, tx)).get(queue) ?? 0;
      await tx.execute(
        'UPDATE queues SET purged_before = greatest(purged_before, $2::timestamptz), updated_at = now() WHERE name = $1',
        [queue, before],
      );
      const state = { queue, purged, removed_entries: 0, found: await this.kept(queue, before) };
      await onPurged(state, tx);
      return state;
    });
  }

  /** After the end of a process that may not have had the time to note what it had removed last. */
  private async takenUp(from: Purging, before: string): Promise<Purging> {
    const gone = from.found - (await this.kept(from.queue, before));
    return { ...from, removed_entries: Math.max(from.removed_entries, gone) };
  }

  /** How many entries of steps that ended before a time Redis keeps. */
  private async kept(queue: string, before: string): Promise<number> {
    const counts = await Promise.all(
      FINISHED_SETS.map((set) =>
        this.redis.client.zcount(this.queues.get(queue).toKey(set), '-inf', `(${Date.parse(before)}`),
      ),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  private async removeChunk(queue: string, set: string, beforeMs: number, limit: number): Promise<number> {
    const keys = [this.queues.get(queue).toKey('')];
    const { answer, ms } = await PURGE.timed(this.redis.client, keys, [set, beforeMs, limit]);
    const removed = Number(answer);
    if (removed > 0) this.size.took(ms, removed);
    return removed;
  }
}
