import { randomBytes } from 'node:crypto';
import { Client, Pool, types } from 'pg';
import { SERVERS_VARIABLE, type ServerAddresses, TEMPLATE_DATABASE } from './global-setup';

types.setTypeParser(types.builtins.INT8, Number);

/** A migrated database of its own for one test file. */
export interface TestDatabase {
  /** As the application's role: what the processes under test use, so that the grants are proven too. */
  url: string;
  /** As the owner of the schema, for what only a test may do. */
  ownerUrl: string;
  /** Runs SQL as the owner and returns the rows: the test's own view on what really happened. */
  query<T = Record<string, unknown>>(sql: string, params?: unknown[]): Promise<T[]>;
  /** Closes the test's connections and drops the database. */
  drop(): Promise<void>;
}

/** The servers of this run. */
export function serverAddresses(): ServerAddresses {
  const json = process.env[SERVERS_VARIABLE];
  if (!json) throw new Error(`${SERVERS_VARIABLE} is not set: run this test through its Jest project`);
  return JSON.parse(json) as ServerAddresses;
}

/** The test's own connection to a database, opened as the owner. */
export function ownerConnection(ownerUrl: string): Pick<TestDatabase, 'query'> & { close(): Promise<void> } {
  const pool = new Pool({ connectionString: ownerUrl, max: 3 });
  // Without a listener a lost idle connection ends the process; the next query reports it well enough.
  pool.on('error', () => undefined);
  return {
    query: async <T>(sql: string, params: unknown[] = []) => (await pool.query(sql, params)).rows as T[],
    close: () => pool.end(),
  };
}

/** Does what only a superuser can, past all triggers, one statement after the other. */
export async function asSuperuser(
  { ownerUrl }: Pick<TestDatabase, 'ownerUrl'>,
  ...statements: string[]
): Promise<void> {
  const client = new Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    await client.query('SET session_replication_role = replica');
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Copies the template database; takes about 50 ms. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const servers = serverAddresses();
  const name = `test_${randomBytes(6).toString('hex')}`;
  await asAdmin(servers, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${TEMPLATE_DATABASE}`));
  const ownerUrl = servers.ownerUrl.replace('DATABASE', name);
  const connection = ownerConnection(ownerUrl);
  return {
    url: servers.appUrl.replace('DATABASE', name),
    ownerUrl,
    query: connection.query,
    drop: async () => {
      await connection.close();
      await asAdmin(servers, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
    },
  };
}

async function asAdmin(servers: ServerAddresses, work: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({ connectionString: servers.ownerUrl.replace('DATABASE', 'postgres') });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
