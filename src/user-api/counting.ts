import type { Tx } from '../platform/postgres/db';
import type { Total } from './paging.dto';

/** Totals are counted up to here; a larger one is what the planner of Postgres thinks. */
const COUNT_CAP = 10_000;

interface Plan {
  'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }];
}

/**
 * How many rows `from` (what follows FROM in a SELECT) gives: exact up to 10,000, without ever walking over
 * more than that, an estimate beyond.
 */
export async function countUpTo(tx: Tx, from: string, params: unknown[]): Promise<Total> {
  const [row] = await tx.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM (SELECT FROM ${from} LIMIT ${COUNT_CAP + 1}) AS counted`,
    params,
  );
  const count = row?.count ?? 0;
  if (count <= COUNT_CAP) return { count, estimated: false };
  const [plan] = await tx.query<Plan>(`EXPLAIN (FORMAT JSON) SELECT FROM ${from}`, params);
  return { count: Math.max(count, plan?.['QUERY PLAN'][0].Plan['Plan Rows'] ?? 0), estimated: true };
}
