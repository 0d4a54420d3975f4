import { join } from 'node:path';
import { type Env, loadEnv } from '../../src/platform/settings/env';
import { testPort } from './ports';
import { temporaryFolder } from './servers';

/** Environment variables by name, as a process gets them. */
export type Variables = Record<string, string>;

/** The variables of one installation of the product: all of its processes share them. */
export interface Installation {
  databaseUrl: string;
  ownerUrl: string;
  redisUrl: string;
  redisPrefix: string;
}

/** Variables for a process of an installation in a new temporary folder; `overrides` win. */
export function testVariables(installation: Installation, overrides: Variables = {}): Variables {
  const home = overrides['AGENTOS_HOME'] ?? join(temporaryFolder('home'), 'home');
  return {
    NODE_ENV: 'test',
    HOST: '127.0.0.1',
    LOG_LEVEL: 'warn',
    DATABASE_URL: installation.databaseUrl,
    MIGRATION_DATABASE_URL: installation.ownerUrl,
    REDIS_URL: installation.redisUrl,
    REDIS_PREFIX: installation.redisPrefix,
    AGENTOS_HOME: home,
    ...overrides,
  };
}

/**
 * The validated environment of a test: own database and Redis prefix (pass them in), free ports, a
 * temporary home, silent log. It never reads the environment of the machine.
 */
export async function testEnv(installation: Installation, overrides: Variables = {}): Promise<Env> {
  const [port, wsPort] = await Promise.all([testPort(), testPort()]);
  return loadEnv(
    testVariables(installation, {
      LOG_LEVEL: 'silent',
      PORT: String(port),
      WS_PORT: String(wsPort),
      ...overrides,
    }),
  );
}
