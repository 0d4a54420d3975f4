import { Injectable } from '@nestjs/common';
import { Batcher } from '../../../platform/batching/batcher';
import { Db, type Tx } from '../../../platform/postgres/db';
import { prepared } from '../../../platform/postgres/statement';

/** `draining`: takes nothing new in, and finishes what was there. `drained`: nothing of that is left. */
export type Drain = 'draining' | 'drained';

/** What an operator has made of a queue. */
export interface QueueStanding {
  /** Workers take nothing from it. */
  readonly paused: boolean;
  /** Null if it takes in what comes. */
  readonly drain: Drain | null;
}

/** What a change of a queue came to. */
export interface StandingChange {
  readonly changed: boolean;
  /** Whether it drained until then. */
  readonly drainEnded: boolean;
  /** How it stands from then on, if that changed. */
  readonly after: QueueStanding | undefined;
}

/** A queue that nobody spoke of. */
const RUNNING: QueueStanding = { paused: false, drain: null };

const holdsBack = (condition: string): string =>
  `EXISTS (SELECT FROM queues q WHERE q.name = steps.agent AND (${condition}))`;
const DRAINS = 'q.drain_since IS NOT NULL AND (q.drained_at IS NOT NULL OR steps.queued_at > q.drain_since)';

/** Whether a waiting step of table `steps` is kept out of Bull by a drain. */
export const HELD = holdsBack(DRAINS);
/** Whether no worker may take it, for that or because its queue is paused. */
export const WITHHELD = holdsBack(`q.paused OR ${DRAINS}`);

const DRAIN =
  "CASE WHEN drained_at IS NOT NULL THEN 'drained' WHEN drain_since IS NOT NULL THEN 'draining' END AS drain";

const PAUSE = prepared(`
INSERT INTO queues (name, paused) VALUES ($1, true)
ON CONFLICT (name) DO UPDATE SET paused = true, updated_at = now() WHERE NOT queues.paused RETURNING ${DRAIN}`);

const RESUME = prepared(`
UPDATE queues q SET paused = false, drain_since = NULL, drained_at = NULL, updated_at = now()
FROM (SELECT name, drain_since IS NOT NULL AS drained FROM queues WHERE name = $1 FOR UPDATE) AS before
WHERE q.name = before.name AND (q.paused OR q.drain_since IS NOT NULL) RETURNING before.drained`);

const STANDINGS = prepared(`
SELECT name, paused, ${DRAIN} FROM queues WHERE paused OR drain_since IS NOT NULL`);

const HELD_COUNTS = prepared(`
SELECT steps.agent, count(*) AS held FROM queues q JOIN steps ON steps.agent = q.name
WHERE ${DRAINS} AND steps.status = 'queued' GROUP BY steps.agent`);

/** Which queues are paused or drain, as Postgres has it: the truth that Bull is made to follow. */
@Injectable()
export class QueueState {
  private readonly reads = new Batcher<void, ReadonlyMap<string, QueueStanding>>(
    (asked) => this.readFor(asked.length),
    { size: Number.POSITIVE_INFINITY },
  );

  constructor(private readonly db: Db) {}

  /** Workers are to take nothing from it. */
  async pause(queue: string, tx: Tx = this.db): Promise<StandingChange> {
    const [row] = await tx.query<{ drain: Drain | null }>(PAUSE, [queue]);
    return {
      changed: row !== undefined,
      drainEnded: false,
      after: row && { paused: true, drain: row.drain },
    };
  }

  /** Ends a pause and a drain. */
  async resume(queue: string, tx: Tx = this.db): Promise<StandingChange> {
    const [before] = await tx.query<{ drained: boolean }>(RESUME, [queue]);
    return { changed: before !== undefined, drainEnded: before?.drained ?? false, after: before && RUNNING };
  }

  /**
   * The queues that are not as a queue is that nobody spoke of. All who ask at the same time get one answer, read
   * after they asked.
   */
  standings(): Promise<ReadonlyMap<string, QueueStanding>> {
    return this.reads.push();
  }

  /** How one queue stands. */
  async standing(queue: string): Promise<QueueStanding> {
    return (await this.standings()).get(queue) ?? RUNNING;
  }

  /** The names of the paused queues. */
  async paused(): Promise<ReadonlySet<string>> {
    const standings = await this.standings();
    return new Set([...standings].filter(([, { paused }]) => paused).map(([name]) => name));
  }

  /** How many steps wait in Postgres alone, by queue; there are none but where a queue drains. */
  async held(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.db.query<{ agent: string; held: number }>(HELD_COUNTS);
    return new Map(rows.map((row) => [row.agent, row.held]));
  }

  private async readFor(count: number): Promise<ReadonlyMap<string, QueueStanding>[]> {
    const rows = await this.db.query<QueueStanding & { name: string }>(STANDINGS);
    const standings = new Map(rows.map(({ name, paused, drain }) => [name, { paused, drain }]));
    return Array.from({ length: count }, () => standings);
  }
}
