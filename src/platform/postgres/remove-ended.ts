import type { Db } from './db';
import { firstIdOf } from './uuid-time';

/** Rows that one statement removes. */
const BATCH = 500;
const DAY_MS = 86_400_000;

/** Which rows of a table are to go. */
export interface EndedRows {
  readonly table: 'executions' | 'sessions' | 'uploads';
  /** Whether a row had ended before `$2`, as SQL; what ended before then also began before then. */
  readonly ended: string;
  /** How long they are kept after their end, in days. */
  readonly keepDays: number;
}

/**
 * Removes rows some days after their end. Ids are ordered by time, so this walks along the primary key, or an index that
 * has the id after what rows are chosen by; each batch is a statement of its own, and passes over rows that somebody is using.
 *
 * @param signal ends it after a batch
 * @returns how many
 */
export async function removeEnded(
  db: Db,
  { table, ended, keepDays }: EndedRows,
  signal: AbortSignal,
): Promise<number> {
  const before = new Date(Date.now() - keepDays * DAY_MS);
  let removed = 0;
  for (let batch = BATCH; batch === BATCH && !signal.aborted; removed += batch)
    batch = await db.execute(
      `DELETE FROM ${table} WHERE id IN (
         SELECT id FROM ${table} WHERE id < $1 AND ${ended} ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED)`,
      [firstIdOf(before), before, BATCH],
    );
  return removed;
}
