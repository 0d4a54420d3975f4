import { DataSource } from 'typeorm';
import { EnvError, loadEnv } from '../settings/env';
import { dataSourceOptions } from './data-source';

/** An arbitrary number that all migrating processes agree on. */
const MIGRATION_LOCK = 7_265_010;

/**
 * Brings the schema at `url` up to date, all pending migrations in one transaction. Processes that start at
 * the same time wait for each other.
 *
 * @returns the names of the migrations that were run
 */
export async function migrate(url: string): Promise<string[]> {
  const source = await new DataSource({ ...dataSourceOptions(url, 2) }).initialize();
  try {
    const guard = source.createQueryRunner();
    await guard.query('SET statement_timeout = 0');
    await guard.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    try {
      return (await source.runMigrations({ transaction: 'all' })).map((migration) => migration.name);
    } finally {
      await guard.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
      await guard.release();
    }
  } finally {
    await source.destroy();
  }
}

if (require.main === module) {
  migrate(loadEnv().migrationDatabaseUrl).then(
    (names) => process.stdout.write(`${names.length} migrations run ${names.join(' ')}\n`),
    (error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      process.stderr.write(`${error instanceof EnvError ? '' : 'The migration failed: '}${reason}\n`);
      process.exitCode = 1;
    },
  );
}
