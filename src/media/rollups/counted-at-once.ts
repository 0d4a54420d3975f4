import type { Tx } from '../../platform/postgres/db';
import { idArray } from '../../platform/postgres/id-lists';

/** Jobs that the caller has locked, all of which are about to be moved. */
export interface ManyMoves {
  jobIds: readonly string[];
  /** Of a job that is queued again each failed step runs again; of one that is cancelled none does. */
  becoming: 'queued' | 'cancelled';
}

/** Makes these moves by `move`; what they mean for the roll-ups is written by one statement, and not for each row. */
export async function countedAtOnce<T>(
  tx: Tx,
  { jobIds, becoming }: ManyMoves,
  move: () => Promise<T>,
): Promise<T> {
  await tx.query('SELECT rollup_moving($1, $2)', [idArray(jobIds), becoming]);
  const moved = await move();
  await tx.query('SELECT rollup_moved()');
  return moved;
}
