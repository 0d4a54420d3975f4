import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readJson, writePrivate } from './files';
import { freePort } from './ports';
import { saysDiskFull, StartProblem } from './problem';
import { findPostgres } from './postgres/binaries';
import { Cluster, dataFolderOf, makeClusterFolders, pingPostgres } from './postgres/cluster';
import { findRedis } from './redis/binaries';
import { pingRedis, RedisInstance } from './redis/instance';
import type { ServiceUser } from './service-user';
import type { LauncherSettings } from './settings';
import { NotReady, type ProcessSpec } from './supervise/supervised-process';
import type { Supervisor } from './supervise/supervisor';

/** What the start of the private servers needs. */
export interface ServersContext {
  settings: LauncherSettings;
  supervisor: Supervisor;
  user: ServiceUser;
  say: (text: string) => void;
  signal: AbortSignal;
}

/** Another program can take a port between finding it free and using it. */
const PORT_TRIES = 3;

/** How long it is waited for what a server that was killed left behind, and between two looks, in milliseconds. */
const REMAINS_MS = 30_000;
const LOOK_MS = 500;
/**
 * What Postgres says while there is something left of the one before, which was killed: a zombie that nobody has buried
 * yet, or processes that have not noticed. None runs on these data any more: that was seen to before.
 */
const REMAINS = /lock file "postmaster.pid" already exists|pre-existing shared memory block/;

/** Postgres at its address, as both roles, and what it is for the table. */
export interface RunningPostgres {
  databaseUrl: string;
  migrationDatabaseUrl: string;
  description: string;
}

/** Starts the private Postgres, unless one is given. */
export async function startPostgres(context: ServersContext): Promise<RunningPostgres> {
  const { settings, user, signal, say } = context;
  if (settings.databaseUrl) {
    await requireServer('DATABASE_URL', settings.databaseUrl, pingPostgres);
    const migrationDatabaseUrl = settings.migrationDatabaseUrl ?? settings.databaseUrl;
    return { databaseUrl: settings.databaseUrl, migrationDatabaseUrl, description: 'the given DATABASE_URL' };
  }
  makeClusterFolders(user);
  const binaries = await findPostgres(dataFolderOf(user), join(user.folder, 'tools'), say, signal);
  const cluster = new Cluster({ user, secretsFolder: settings.folders.secrets, signal });
  await cluster.initialise(binaries);
  const port = await onFreePort(context, 'postgres', (free) => cluster.spec(binaries, free));
  await cluster.prepare(port);
  return {
    databaseUrl: cluster.appUrl(port),
    migrationDatabaseUrl: cluster.ownerUrl(port),
    description: `Postgres ${binaries.version} on 127.0.0.1:${port}, data in ${cluster.dataFolder}`,
  };
}

/** Starts the private Redis, unless one is given. */
export async function startRedis(
  context: ServersContext,
): Promise<{ redisUrl: string; description: string }> {
  const { settings, user, signal, say } = context;
  if (settings.redisUrl) {
    await requireServer('REDIS_URL', settings.redisUrl, pingRedis);
    return { redisUrl: settings.redisUrl, description: 'the given REDIS_URL' };
  }
  const binary = await findRedis(join(user.folder, 'tools'), say, signal);
  const instance = new RedisInstance(user, settings.folders.secrets);
  const port = await onFreePort(context, 'redis', (free) => instance.spec(binary, free));
  return { redisUrl: instance.url(port), description: `Redis ${binary.version} on 127.0.0.1:${port}` };
}

/** @throws StartProblem if a server that was given does not answer */
async function requireServer(
  setting: string,
  url: string,
  ping: (url: string) => Promise<void>,
): Promise<void> {
  try {
    await ping(url);
  } catch (error) {
    const { host } = new URL(url);
    throw new StartProblem(`The server of ${setting} at ${host} does not answer: ${messageOf(error)}.`);
  }
}

/** Starts a server on its port of the last start, so that its address stays, or where that is taken on another. */
async function onFreePort(
  { supervisor, settings, signal }: ServersContext,
  name: 'postgres' | 'redis',
  specOf: (port: number) => ProcessSpec,
): Promise<number> {
  const file = join(settings.folders.run, `${name}.port`);
  const preferred = readJson<number>(file);
  const remainsUntil = performance.now() + REMAINS_MS;
  for (let attempt = 1; ; attempt++) {
    const port = await freePort(attempt === 1 ? preferred : undefined);
    const spec = specOf(port);
    try {
      await supervisor.run(spec);
      writePrivate(file, String(port));
      return port;
    } catch (error) {
      if (!(error instanceof NotReady)) throw error;
      const text = error.lastLines.join('\n');
      await supervisor.discard(spec.name);
      // The last one alone is of this start.
      const fatal = error.lastLines.findLast((line) => line.includes('FATAL')) ?? '';
      if (REMAINS.test(fatal) && performance.now() < remainsUntil) {
        await sleep(LOOK_MS, undefined, { signal });
        attempt -= 1;
        continue;
      }
      if (attempt < PORT_TRIES && /address already in use/i.test(text)) continue;
      if (saysDiskFull(text)) throw new Error(`ENOSPC: ${spec.cwd}`, { cause: error });
      throw new StartProblem(`${error.message}: ${reasonIn(error.lastLines)}`);
    }
  }
}

/** The line that most likely tells why a server ended. */
export function reasonIn(lines: readonly string[]): string {
  return (
    lines.findLast((line) => /fatal|panic|error|refused|denied|could not/i.test(line)) ??
    lines.at(-1) ??
    'it gave no reason'
  );
}

/** Several addresses that all refuse come as one error without a message of its own. */
function messageOf(error: unknown): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error ? first.message : String(first);
}
