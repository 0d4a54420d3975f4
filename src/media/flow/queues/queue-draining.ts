import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { AppError } from '../../../platform/errors/app-error';
import { Db, type Tx } from '../../../platform/postgres/db';
import { QueueNews } from './queue-news';

/** How often it is looked whether a queue is empty, in milliseconds; less often where looking takes long. */
const LOOK_MS = 500;
/** Of the time, looking may take at most one part in so many. */
const LOOK_SHARE = 10;

const BEGIN = `
INSERT INTO queues (name, drain_since) VALUES ($1, now())
ON CONFLICT (name) DO UPDATE SET drain_since = now(), drained_at = NULL, updated_at = now()
  WHERE queues.drain_since IS NULL
RETURNING drain_since::text AS since`;

const older = (since: string): string => `status = 'queued' AND queued_at <= ${since}`;

const LOOK = `
SELECT (SELECT count(*) FROM steps WHERE agent = $1 AND ${older('$2::timestamptz')}) AS waiting,
  (SELECT count(*) FROM steps WHERE agent = $1 AND status = 'processing') AS active,
  (SELECT drained_at IS NOT NULL FROM queues WHERE name = $1 AND drain_since = $2::timestamptz) AS drained,
  now() >= $2::timestamptz + make_interval(secs => $3) AS late`;

const SETTLE = `
UPDATE queues q SET drained_at = now(), updated_at = now()
WHERE drain_since IS NOT NULL AND drained_at IS NULL
  AND NOT EXISTS (SELECT FROM steps WHERE agent = q.name AND ${older('q.drain_since')})
  AND NOT EXISTS (SELECT FROM steps WHERE agent = q.name AND status = 'processing')
RETURNING name`;

/** What was in a queue before it began to drain, and has not come to its end. */
export interface LeftToDrain {
  /** Steps that wait, those that are put off for their next attempt among them. */
  waiting: number;
  active: number;
}

/** How a drain began, for whoever goes on watching it. */
export interface DrainBegun {
  /** By the clock of Postgres. */
  since: string;
  total: number;
}

/** How to drain. */
export interface DrainOptions {
  timeoutS: number;
  /** An earlier beginning, which is gone on with. */
  from?: DrainBegun;
  /** Called in the transaction in which the drain begins. */
  onBegun: (begun: DrainBegun, tx: Tx) => Promise<void>;
  onProgress: (done: number, total: number) => void;
  signal: AbortSignal;
}

/** What a drain came to. `draining`: it was not waited for any longer. `resumed`: somebody has ended it. */
export interface DrainOutcome {
  state: 'drained' | 'draining' | 'resumed';
  total: number;
  left: LeftToDrain;
}

interface Look extends LeftToDrain {
  /** Null if the drain is over. */
  drained: boolean | null;
  late: boolean;
}

/**
 * Drains queues: from then on what is new waits in Postgres, and what was there goes on to its end, its further
 * attempts included. Nothing is refused and nothing is lost; resuming the queue lets in what has waited.
 */
@Injectable()
export class QueueDraining {
  constructor(
    private readonly db: Db,
    private readonly news: QueueNews,
  ) {}

  /**
   * Begins to drain, and waits until it is done, its time is up or it is to stop. The queue goes on draining in the
   * latter cases.
   *
   * @throws AppError ALREADY_DRAINING
   */
  async run(queue: string, options: DrainOptions): Promise<DrainOutcome> {
    const { signal, timeoutS } = options;
    const { since, total } = options.from ?? (await this.begin(queue, options));
    for (;;) {
      await this.settle();
      const startedAt = performance.now();
      const { waiting, active, drained, late } = await this.look(queue, since, timeoutS);
      const left = { waiting, active };
      options.onProgress(Math.max(0, total - waiting - active), total);
      if (drained === null) return { state: 'resumed', total, left };
      if (drained) return { state: 'drained', total, left };
      if (late || signal.aborted) return { state: 'draining', total, left };
      const restMs = Math.max(LOOK_MS, LOOK_SHARE * (performance.now() - startedAt));
      // An abort ends the rest, and is seen after the next look.
      await delay(restMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** What would have to come to its end, if the queue began to drain now. */
  async before(queue: string, tx: Tx = this.db): Promise<LeftToDrain> {
    const [row] = await tx.query<Look>(LOOK, [queue, 'infinity', 0]);
    return { waiting: row?.waiting ?? 0, active: row?.active ?? 0 };
  }

  /** Notes which draining queues have nothing left to finish; their number. */
  async settle(): Promise<number> {
    const drained = await this.db.query<{ name: string }>(SETTLE);
    for (const { name } of drained) await this.news.changed(name);
    return drained.length;
  }

  private async begin(queue: string, options: DrainOptions): Promise<DrainBegun> {
    const begun = await this.db.transaction(async (tx) => {
      const [row] = await tx.query<{ since: string }>(BEGIN, [queue]);
      if (!row) throw new AppError('ALREADY_DRAINING');
      const { waiting, active } = await this.look(queue, row.since, 0, tx);
      const state = { since: row.since, total: waiting + active };
      await options.onBegun(state, tx);
      return state;
    });
    await this.news.changed(queue);
    return begun;
  }

  private async look(queue: string, since: string, timeoutS: number, tx: Tx = this.db): Promise<Look> {
    const [row] = await tx.query<Look>(LOOK, [queue, since, timeoutS]);
    if (!row) throw new Error('Postgres does not answer a question');
    return row;
  }
}
