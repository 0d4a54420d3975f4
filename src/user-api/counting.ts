import type { Tx } from '../platform/postgres/db';
import type { Total } from './paging.dto';

/** Totals are counted up to here; a larger one is what the planner of Postgres thinks. */
export const COUNT_CAP = 10_000;

interface Plan {
  'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }];
}

/**
 * A number of rows for a SELECT list: how many `from` (what follows FROM) gives, or one more than {@link COUNT_CAP} if
 * there are more. Never walks over more than that, and along the index that lists of the same rows are read by.
 */
export function cappedCount(from: string): string {
  return `(SELECT count(*)::int FROM (SELECT FROM ${from} ORDER BY id DESC LIMIT ${COUNT_CAP + 1}) AS counted)`;
}

/**
 * How many rows `from` (what follows FROM in a SELECT) gives: exact up to 10,000, without ever walking over
 * more than that, an estimate beyond.
 */
export async function countUpTo(tx: Tx, from: string, params: unknown[]): Promise<Total> {
  const [row] = await tx.query<{ count: number }>(`SELECT ${cappedCount(from)} AS count`, params);
  return orEstimate(tx, row?.count ?? 0, from, params);
}

/** What a {@link cappedCount} of `from` came to; where it reached its end, what the planner thinks instead. */
export async function orEstimate(tx: Tx, count: number, from: string, params: unknown[]): Promise<Total> {
  if (count <= COUNT_CAP) return { count, estimated: false };
  const [plan] = await tx.query<Plan>(`EXPLAIN (FORMAT JSON) SELECT FROM ${from}`, params);
  return { count: Math.max(count, plan?.['QUERY PLAN'][0].Plan['Plan Rows'] ?? 0), estimated: true };
}
