import type { AuditReader } from './seals/stored';
import { RETIRED_SEQ } from './seals/stored-tombstones';

/**
 * Entries that are numbered and timed at the same moment by several transactions may have both in another order. What a
 * step of Postgres' clock has put farther from its place is only found without a bound on that side.
 */
const SLACK = 1_000;

/** SQL: the lowest number of an entry at or after $1, and the highest of one before $2. */
const FIRST = `(
  SELECT min(e.seq) FROM audit_entries e, (SELECT seq FROM audit_entries WHERE at >= $1 ORDER BY at, seq LIMIT 1) first
   WHERE e.seq BETWEEN first.seq - ${SLACK} AND first.seq AND e.at >= $1)`;
const LAST = `(
  SELECT max(e.seq) FROM audit_entries e, (SELECT seq FROM audit_entries WHERE at < $2 ORDER BY at DESC, seq DESC LIMIT 1) last
   WHERE e.seq BETWEEN last.seq AND last.seq + ${SLACK} AND e.at < $2)`;

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
    `SELECT ${after === null ? '(SELECT min(seq) FROM audit_entries)' : FIRST} AS from,
            ${before === null ? '(SELECT max(seq) FROM audit_entries)' : LAST} AS to,
            ${RETIRED_SEQ} AS retired
       FROM (SELECT $1::timestamptz, $2::timestamptz) AS both_are_named`,
    [after, before],
  );
  if (row?.from == null || row.to === null) return undefined;
  const from = Math.max(row.from, row.retired + 1);
  return from > row.to ? undefined : { from, to: row.to };
}
