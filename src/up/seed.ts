import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { REBUILD_ROLLUPS } from '../media/rollups/rebuild-sql';
import { hashPassword } from '../platform/security/passwords';
import { readJson } from './files';
import { answerHelp } from './help';
import { StartProblem } from './problem';
import { activeJobs, SEED_USAGE, seedOptions, type SeedOptions } from './seed/options';
import { CLEAN, FILL, HELPERS, INSERT_EVENTS, INSERT_USERS, PLAN, SEED_USERS } from './seed/statements';
import { homeFolder, installationFiles, loadDotEnv, type Endpoints } from './settings';

/** Jobs per transaction. */
const CHUNK = 50_000;
/** Connections that fill at the same time. */
const CONNECTIONS = 2;

/** Rows that were written or removed, by table. */
export type RowCounts = Record<string, number>;

/** Removes everything that earlier seeds made. */
export async function cleanSeeds(databaseUrl: string): Promise<RowCounts> {
  return connected(databaseUrl, async (client) => {
    const counts: RowCounts = {};
    await client.query('BEGIN');
    const { rows } = await client.query<{ id: string }>('SELECT id FROM users WHERE email LIKE $1', [
      `%@${SEED_USERS.domain}`,
    ]);
    const ids = rows.map((row) => row.id);
    for (const [table, sql] of CLEAN) counts[table] = (await client.query(sql, [ids])).rowCount ?? 0;
    const events = await client.query(`DELETE FROM system_events WHERE data @> '{"seeded": true}'`);
    counts.system_events = events.rowCount ?? 0;
    // With the checks on again: what somebody did to a seeded user keeps that user.
    await client.query("SET session_replication_role = 'origin'").catch(() => undefined);
    const users = await client.query('DELETE FROM users WHERE id = ANY ($1)', [ids]);
    counts.users = users.rowCount ?? 0;
    await client.query('COMMIT');
    await client.query(REBUILD_ROLLUPS);
    return counts;
  });
}

/** Writes the history that the options describe. */
export async function writeSeeds(
  databaseUrl: string,
  options: SeedOptions,
  onProgress: (jobs: number) => void = () => undefined,
): Promise<RowCounts> {
  const { seed, jobs, events, days } = options;
  const until = options.until.toISOString();
  const counts: RowCounts = {};
  await connected(databaseUrl, async (client) => {
    const hash = await hashPassword(randomBytes(24).toString('base64url'));
    counts.users = (await client.query(INSERT_USERS, [seed, until, hash])).rowCount ?? 0;
    if (events > 0) {
      counts.system_events = (await client.query(INSERT_EVENTS, [seed, until, events, days])).rowCount ?? 0;
    }
  });
  let next = 1;
  const fill = () =>
    connected(databaseUrl, async (client) => {
      for (let first = next; first <= jobs; first = next) {
        next = Math.min(first + CHUNK, jobs + 1);
        await fillChunk(client, options, first, next - 1, counts);
        onProgress(next - 1);
      }
    });
  await Promise.all(Array.from({ length: CONNECTIONS }, fill));
  await connected(databaseUrl, async (client) => {
    for (const [table] of FILL) await client.query(`ANALYZE ${table}`);
    await client.query('ANALYZE system_events');
    await client.query(REBUILD_ROLLUPS);
  });
  return counts;
}

async function fillChunk(
  client: Client,
  options: SeedOptions,
  first: number,
  last: number,
  counts: RowCounts,
) {
  const { seed, until, jobs, days } = options;
  const { queued, processing } = activeJobs(jobs);
  await client.query('BEGIN');
  await client.query(
    PLAN,
    [seed, until.toISOString(), first, last, jobs, days, queued, processing].map(String),
  );
  for (const [table, sql] of FILL) {
    const parameters = sql.includes('$1') ? [seed] : [];
    const { rowCount } = await client.query(sql, parameters);
    counts[table] = (counts[table] ?? 0) + (rowCount ?? 0);
  }
  await client.query('COMMIT');
}

/** A connection made for filling: no checks of references that are right by construction, where that is allowed. */
async function connected<T>(databaseUrl: string, act: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({
    connectionString: databaseUrl,
    application_name: 'agentos-seed',
    connectionTimeoutMillis: 10_000,
  });
  await client.connect();
  try {
    await client.query("SET synchronous_commit = off; SET work_mem = '128MB'; SET statement_timeout = 0");
    const { rows } = await client.query<{ rolsuper: boolean }>(
      'SELECT rolsuper FROM pg_roles WHERE rolname = current_user',
    );
    if (rows[0]?.rolsuper) await client.query("SET session_replication_role = 'replica'");
    await client.query(HELPERS);
    return await act(client);
  } finally {
    await client.end();
  }
}

function databaseUrl(): string {
  const given = process.env.MIGRATION_DATABASE_URL || process.env.DATABASE_URL;
  const url =
    given || readJson<Endpoints>(installationFiles(homeFolder()).endpointsFile)?.migration_database_url;
  if (!url)
    throw new StartProblem('There is no database: start the system first (npm start), or set DATABASE_URL.');
  return url;
}

async function main(): Promise<void> {
  if (answerHelp(process.argv.slice(2), SEED_USAGE)) return;
  loadDotEnv();
  const options = seedOptions(process.argv.slice(2));
  const url = databaseUrl();
  const begin = Date.now();
  if (options.clean) say('removed', await cleanSeeds(url));
  const shown = options.jobs > CHUNK ? (jobs: number) => process.stdout.write(`${jobs} jobs\n`) : undefined;
  say('written', await writeSeeds(url, options, shown));
  process.stdout.write(`${((Date.now() - begin) / 1000).toFixed(1)} s\n`);
}

function say(what: string, counts: RowCounts): void {
  const parts = Object.entries(counts).map(([table, rows]) => `${rows} ${table}`);
  process.stdout.write(`${what}: ${parts.join(', ')}\n`);
}

if (require.main === module) {
  main().catch((error: Error & { code?: string }) => {
    const twice = error.code === '23505';
    const refused = error.code === 'ECONNREFUSED';
    if (twice)
      process.stderr.write('This history is there already: add --clean, or choose another --seed.\n');
    else if (refused)
      process.stderr.write('The database does not answer: start the system first (npm start).\n');
    else
      process.stderr.write(
        `${error instanceof StartProblem ? error.message : (error.stack ?? error.message)}\n`,
      );
    process.exitCode = 1;
  });
}
