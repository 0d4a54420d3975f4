import { Client } from 'pg';
import { migrate } from '../../src/platform/postgres/migrate';
import { PostgresServer, RedisServer, RUN_FOLDER_VARIABLE, temporaryFolder } from './servers';

/** What the test files need to know about the servers of this run; handed to Jest's workers as JSON. */
export interface ServerAddresses {
  /** Connection strings with `DATABASE` in place of the database's name. */
  ownerUrl: string;
  appUrl: string;
  redisUrl: string;
}

/** The servers that {@link globalTeardown} stops; Jest runs both hooks in the same process. */
export interface RunningServers {
  postgres: PostgresServer;
  redis: RedisServer;
}

export const SERVERS_VARIABLE = 'AGENTOS_TEST_SERVERS';

/** The database that each test file's own one is copied from. */
export const TEMPLATE_DATABASE = 'agentos_template';

declare global {
  var agentosTestServers: RunningServers | undefined;
}

/** Starts Postgres and Redis for one run of the tests and migrates the template database once. */
export default async function globalSetup(): Promise<void> {
  process.env[RUN_FOLDER_VARIABLE] = temporaryFolder('run');
  const [postgres, redis] = await Promise.all([PostgresServer.create(), RedisServer.create()]);
  globalThis.agentosTestServers = { postgres, redis };
  const admin = new Client({ connectionString: postgres.ownerUrl('postgres') });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${TEMPLATE_DATABASE}`);
  await migrate(postgres.ownerUrl(TEMPLATE_DATABASE));
  await admin.end();
  const addresses: ServerAddresses = {
    ownerUrl: postgres.ownerUrl('DATABASE'),
    appUrl: postgres.appUrl('DATABASE'),
    redisUrl: redis.url,
  };
  process.env[SERVERS_VARIABLE] = JSON.stringify(addresses);
}
