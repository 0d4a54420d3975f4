import { Client } from 'pg';
import { migrate } from '../platform/postgres/migrate';
import { ensureFirstAdmin } from './first-admin';
import { explain, StartProblem } from './problem';
import { homeFolder, launcherSettings, loadDotEnv } from './settings';

/** The role that the migrations grant its rights. */
const APP_ROLE = 'agentos_app';

/**
 * Makes the role of `appUrl` if the database does not have it: the processes connect as a user that owns
 * nothing, and the migrations grant it what it needs. Where both URLs name one user, there is nothing to do.
 *
 * @throws StartProblem if it is a role that would be granted nothing
 */
export async function ensureAppRole(ownerUrl: string, appUrl: string): Promise<void> {
  const app = new URL(appUrl);
  const [role, password] = [decodeURIComponent(app.username), decodeURIComponent(app.password)];
  if (role === decodeURIComponent(new URL(ownerUrl).username)) return;
  if (role !== APP_ROLE) {
    throw new StartProblem(
      `DATABASE_URL must name the user ${APP_ROLE}, or the one of MIGRATION_DATABASE_URL.`,
    );
  }
  const client = new Client({ connectionString: ownerUrl, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [role]);
    const verb = rowCount ? 'ALTER' : 'CREATE';
    const secret = client.escapeLiteral(password);
    await client.query(`${verb} ROLE ${client.escapeIdentifier(role)} LOGIN PASSWORD ${secret}`);
  } finally {
    await client.end();
  }
}

/** Prepares the given database: the application's role, migrations, the first admin. Doing it again is harmless. */
async function main(): Promise<void> {
  loadDotEnv();
  const { databaseUrl, migrationDatabaseUrl, adminEmail, adminPassword } = launcherSettings();
  if (!databaseUrl || !migrationDatabaseUrl)
    throw new StartProblem('Set DATABASE_URL (and MIGRATION_DATABASE_URL).');
  await ensureAppRole(migrationDatabaseUrl, databaseUrl);
  const names = await migrate(migrationDatabaseUrl);
  process.stdout.write(`${names.length} migrations run ${names.join(' ')}\n`);
  const admin = await ensureFirstAdmin(databaseUrl, adminEmail, adminPassword);
  if (admin) {
    const password = admin.generated ? `${admin.password} (shown only now)` : 'the given ADMIN_PASSWORD';
    process.stdout.write(`the first admin is ${admin.email}, with ${password}\n`);
  }
}

if (require.main === module) {
  main().catch((error: unknown) => {
    process.stderr.write(`${explain(error, homeFolder())}\n`);
    process.exitCode = 1;
  });
}
