import type { Tx } from '../../../platform/postgres/db';
import { timeText } from '../leaf';
import type { AuditReader } from './stored';
import type { Tombstone } from './tombstone';

/** SQL: the last number of an entry that is retired, whether it is removed yet or not; 0 if none is. */
export const RETIRED_SEQ = '(SELECT coalesce(max(to_seq), 0) FROM audit_tombstones)';

const COLUMNS = `from_seal, to_seal, from_seq, to_seq, entries, prev, hash, keep_days,
  ${timeText('retired_at')} AS retired_at, key_id, signature`;

/** All tombstones, oldest first: about one a day of those that have passed. */
export function tombstones(db: AuditReader): Promise<Tombstone[]> {
  return db.query<Tombstone>(`SELECT ${COLUMNS} FROM audit_tombstones ORDER BY audit_tombstones.to_seal`);
}

/** The newest tombstone; undefined if nothing was ever retired. */
export async function newestTombstone(db: AuditReader): Promise<Tombstone | undefined> {
  const [newest] = await db.query<Tombstone>(
    `SELECT ${COLUMNS} FROM audit_tombstones ORDER BY audit_tombstones.to_seal DESC LIMIT 1`,
  );
  return newest;
}

/** Stores a tombstone. @throws if what it says is not so, or its time has not come */
export async function storeTombstone(tx: Tx, tombstone: Tombstone): Promise<void> {
  const { from_seal, to_seal, from_seq, to_seq, entries, prev, hash } = tombstone;
  await tx.execute(
    `INSERT INTO audit_tombstones
       (from_seal, to_seal, from_seq, to_seq, entries, prev, hash, keep_days, retired_at, key_id, signature)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    [
      ...[from_seal, to_seal, from_seq, to_seq, entries, prev, hash],
      ...[tombstone.keep_days, tombstone.retired_at, tombstone.key_id, tombstone.signature],
    ],
  );
}

/**
 * The last seal that can be retired together with all before it: `most` of them, each sealed before the beginning of
 * the day (UTC) that is `keepDays` ago. Never the newest seal, from which the next one goes on.
 */
export async function lastRetirable(
  db: AuditReader,
  { after, witnessed, keepDays, most }: { after: number; witnessed: number; keepDays: number; most: number },
): Promise<number | undefined> {
  const [row] = await db.query<{ number: number | null }>(
    `SELECT max(number) AS number FROM audit_seals
      WHERE number > $1 AND number <= least($1 + $4, $2, (SELECT max(number) - 1 FROM audit_seals))
        AND sealed_at < date_trunc('day', now(), 'UTC') - make_interval(days => $3)`,
    [after, witnessed, keepDays, most],
  );
  return row?.number ?? undefined;
}
