import { escapeLiteral } from 'pg';
import type { PoolClient } from 'pg';
import { CopiedRows, type RowTaker } from './copied-rows';

/** `value` as SQL. Lists become arrays of text, whose type the context settles like that of any literal. */
function literal(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  if (Array.isArray(value)) return `ARRAY[${value.map(literal).join(', ')}]`;
  if (typeof value === 'string') return escapeLiteral(value);
  if (typeof value === 'number' || typeof value === 'boolean') return escapeLiteral(String(value));
  throw new TypeError(`A parameter of COPY cannot be of type ${typeof value}`);
}

/** COPY takes no parameters: they stand in the statement as literals instead. */
export function withLiterals(sql: string, params: readonly unknown[]): string {
  return sql.replace(/\$(\d+)/g, (placeholder, number: string) => {
    const index = Number(number) - 1;
    if (index >= params.length) throw new Error(`There is no parameter ${placeholder}`);
    return literal(params[index]);
  });
}

/**
 * Gives `taker` the rows of a query, no faster than they are asked for; how many since the last time. All are of one
 * snapshot; texts of times are in UTC. Where this ends early, `client` is in the middle of something and cannot be used
 * any more.
 */
export async function* copyOut(
  client: PoolClient,
  sql: string,
  params: readonly unknown[],
  taker: RowTaker,
): AsyncGenerator<number> {
  await client.query(`BEGIN READ ONLY; SET LOCAL statement_timeout = 0; SET LOCAL timezone = 'UTC';
    SET LOCAL datestyle = 'ISO'`);
  // The binary format: making text of ids and times costs Postgres as much as all else that it does for a row.
  const copy = `COPY (${withLiterals(sql, params)}) TO STDOUT WITH (FORMAT binary)`;
  yield* client.query(new CopiedRows(copy, taker)).read();
  await client.query('COMMIT');
}
