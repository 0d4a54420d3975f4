import type { AuditReader } from './seals/stored';
import { RETIRED_SEQ } from './seals/stored-tombstones';

/** Entries that are numbered and timed at the same moment by several transactions may have both in another order. */
const SLACK = 1_000;

/** Numbers of entries, both inclusive. */
export interface SeqRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Between which numbers the entries of a period are that are not retired, along the index on their times; undefined if
 * there are none.
 *
 * @param after at or after this time, ISO 8601; null for the beginning
 * @param before before this time; null for the end
 */
export async function seqRangeOf(
  db: AuditReader,
  after: string | null,
  before: string | null,
): Promise<SeqRange | undefined> {
  const [row] = await db.query<{ from: number | null; to: number | null; retired: number }>(
    `WITH first AS (SELECT seq FROM audit_entries WHERE $1::timestamptz IS NULL OR at >= $1 ORDER BY at, seq LIMIT 1),
          last AS (SELECT seq FROM audit_entries WHERE $2::timestamptz IS NULL OR at < $2 ORDER BY at DESC, seq DESC LIMIT 1)
     SELECT (SELECT min(e.seq) FROM audit_entries e, first
              WHERE e.seq BETWEEN first.seq - $3 AND first.seq AND ($1::timestamptz IS NULL OR e.at >= $1)) AS from,
            (SELECT max(e.seq) FROM audit_entries e, last
              WHERE e.seq BETWEEN last.seq AND last.seq + $3 AND ($2::timestamptz IS NULL OR e.at < $2)) AS to,
            ${RETIRED_SEQ} AS retired`,
    [after, before, SLACK],
  );
  if (row?.from == null || row.to === null) return undefined;
  const from = Math.max(row.from, row.retired + 1);
  return from > row.to ? undefined : { from, to: row.to };
}
