import { Client } from 'pg';
import { eventually } from '../../support/eventually';
import type { Query } from '../arena/patiently';

/** Where the product is made to wait: on each row that a statement writes, before it is written. */
export interface BarrierPlace {
  table: string;
  event: 'INSERT' | 'UPDATE';
  /** Which rows, by SQL over NEW and OLD; all, if not given. */
  when?: string;
}

/** What the triggers wait for: a lock that the test holds while the barrier is closed. */
const WAIT = `
CREATE OR REPLACE FUNCTION barrier_wait() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_lock_shared(TG_ARGV[0]::bigint);
  PERFORM pg_advisory_unlock_shared(TG_ARGV[0]::bigint);
  RETURN NEW;
END $$`;

/** Holds processes at a moment, from outside: by triggers in their database. */
export class Barrier {
  private static built = 0;

  private constructor(
    private readonly query: Query,
    private readonly number: number,
    private readonly places: readonly BarrierPlace[],
    private readonly holder: Client,
  ) {}

  /** Puts up an open barrier. */
  static async build(query: Query, ownerUrl: string, places: readonly BarrierPlace[]): Promise<Barrier> {
    const holder = new Client({ connectionString: ownerUrl });
    await holder.connect();
    const barrier = new Barrier(query, ++Barrier.built, places, holder);
    await query(WAIT);
    for (const { table, event, when } of places)
      await query(
        `CREATE TRIGGER ${barrier.trigger} BEFORE ${event} ON ${table} FOR EACH ROW
           ${when === undefined ? '' : `WHEN (${when})`} EXECUTE FUNCTION barrier_wait('${barrier.number}')`,
      );
    return barrier;
  }

  /** From now on, whoever comes waits. */
  async close(): Promise<void> {
    await this.holder.query('SELECT pg_advisory_lock($1)', [this.number]);
  }

  /** All go on. */
  async open(): Promise<void> {
    await this.holder.query('SELECT pg_advisory_unlock($1)', [this.number]);
  }

  /** Resolves when so many wait. */
  async crowd(count: number): Promise<void> {
    await eventually(
      async () => {
        const waiting = await this.query(`SELECT FROM pg_locks ${this.waiting}`);
        if (waiting.length < count) throw new Error(`${waiting.length} of ${count} wait at the barrier`);
      },
      { timeoutMs: 15_000, intervalMs: 20 },
    );
  }

  /** Sends those who wait away: their statements fail, as if they had never come. */
  async turnAway(): Promise<void> {
    await this.query(`SELECT pg_terminate_backend(pid) FROM pg_locks ${this.waiting}`);
  }

  /** Takes the barrier down; who waits goes on. */
  async remove(): Promise<void> {
    await this.holder.end();
    for (const { table } of this.places) await this.query(`DROP TRIGGER ${this.trigger} ON ${table}`);
  }

  private get trigger(): string {
    return `barrier_${this.number}`;
  }

  private get waiting(): string {
    return `WHERE locktype = 'advisory' AND NOT granted AND objid = ${this.number}`;
  }
}
