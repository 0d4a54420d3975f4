import type { TestDatabase } from './database';

/** The tables of a database in any column of which a text stands, in clear or as bytes. */
export async function tablesWith(database: TestDatabase, text: string): Promise<string[]> {
  const hex = Buffer.from(text).toString('hex');
  const tables = await database.query<{ name: string }>(
    `SELECT quote_ident(table_name) AS name FROM information_schema.tables
      WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`,
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const rows = await database.query(
      `SELECT FROM ${name} AS row WHERE position($1 IN row::text) > 0 OR position($2 IN row::text) > 0 LIMIT 1`,
      [text, hex],
    );
    if (rows.length > 0) found.push(name);
  }
  return found;
}
