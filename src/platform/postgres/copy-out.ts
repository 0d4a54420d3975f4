import { escapeLiteral } from 'pg';
import type { PoolClient } from 'pg';
import { to } from 'pg-copy-streams';

/** How COPY writes the rows of a query. */
export const COPY_FORMATS = {
  /** RFC 4180 without a header, but with LF at the end of a row. */
  csv: '(FORMAT csv)',
  /** Cells with tabs between them, a null as `\N`; control characters, backslashes among them, with backslashes. */
  text: '(FORMAT text)',
} as const;
export type CopyFormat = keyof typeof COPY_FORMATS;

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
 * The rows of a query as bytes, read no faster than they are taken. All of one snapshot; times are in UTC.
 * Where this ends early, `client` is in the middle of something and cannot be used any more.
 */
export async function* copyOut(
  client: PoolClient,
  sql: string,
  params: readonly unknown[],
  format: CopyFormat,
): AsyncGenerator<Buffer> {
  await client.query(`BEGIN READ ONLY; SET LOCAL statement_timeout = 0; SET LOCAL timezone = 'UTC';
    SET LOCAL datestyle = 'ISO'`);
  const copy = client.query(to(`COPY (${withLiterals(sql, params)}) TO STDOUT WITH ${COPY_FORMATS[format]}`));
  for await (const piece of copy as AsyncIterable<Buffer>) yield piece;
  await client.query('COMMIT');
}
