import type { Db } from '../platform/postgres/db';

/** How long a lead lasts without being renewed, in milliseconds. Others look every second: a take-over waits 10 s at most. */
export const LEASE_MS = 8_000;
/** How often a lead is renewed, in milliseconds. */
export const RENEW_MS = 3_000;

/** What a loop's runs since the last report came to. */
export interface RunTally {
  runs: number;
  failures: number;
  lastRunAt: Date;
  lastDurationMs: number;
  /** Of the last run; null if it succeeded. */
  lastError: string | null;
}

/**
 * Takes, renews and gives up the leads of control loops, in Postgres and by its clock. A lead is a row of
 * `manager_leases`: whoever holds it before `expires_at` leads. Errors of Postgres go to the caller.
 */
export class LeaseKeeper {
  /**
   * @param holder names this process; no other may have the same name
   */
  constructor(
    private readonly db: Db,
    readonly holder: string,
  ) {}

  /**
   * Renews the leads that this process has and takes those that nobody has any more, of the named loops.
   *
   * @returns the loops that it leads now, with their fences
   */
  async claim(names: readonly string[]): Promise<Map<string, number>> {
    // Sorted, so that two processes never wait for each other's rows.
    const rows = await this.db.query<{ name: string; fence: number }>(CLAIM, [
      [...names].sort(),
      this.holder,
      LEASE_MS,
    ]);
    return new Map(rows.map((row) => [row.name, row.fence]));
  }

  /** Gives the leads up, so that another process can take them at once. */
  async release(names: readonly string[]): Promise<void> {
    await this.db.execute(
      'UPDATE manager_leases SET expires_at = clock_timestamp() WHERE name = ANY($1) AND holder = $2',
      [names, this.holder],
    );
  }

  /** Adds runs to the metrics of a loop, unless another process has taken the lead meanwhile. */
  async report(name: string, fence: number, tally: RunTally): Promise<void> {
    await this.db.execute(REPORT, [
      name,
      this.holder,
      fence,
      tally.runs,
      tally.failures,
      tally.lastRunAt,
      tally.lastDurationMs,
      tally.lastError,
    ]);
  }
}

const CLAIM = `
INSERT INTO manager_leases AS lease (name, holder, expires_at)
SELECT name, $2, clock_timestamp() + $3 * interval '1 millisecond' FROM unnest($1::text[]) AS name
ON CONFLICT (name) DO UPDATE SET
  holder = excluded.holder,
  expires_at = excluded.expires_at,
  fence = lease.fence + CASE
    WHEN lease.holder = excluded.holder AND lease.expires_at > clock_timestamp() THEN 0 ELSE 1 END
WHERE lease.holder = excluded.holder OR lease.expires_at <= clock_timestamp()
RETURNING name, fence`;

const REPORT = `
UPDATE manager_leases SET
  runs = runs + $4, failures = failures + $5, last_run_at = $6, last_duration_ms = $7, last_error = $8
WHERE name = $1 AND holder = $2 AND fence = $3`;
