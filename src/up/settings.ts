import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isEmail } from 'class-validator';
import { cleanEnv } from 'envalid';
import { EnvError, FULL_ENV_SPEC, loadEnv, type Env } from '../platform/settings/env';
import { StartProblem } from './problem';

/** The folder with package.json. */
export const PROJECT = resolve(__dirname, '../..');

/** What the launcher needs to know before it starts anything. */
export interface LauncherSettings {
  env: Env;
  home: string;
  /** Given connections; undefined: run private servers. */
  databaseUrl: string | undefined;
  migrationDatabaseUrl: string | undefined;
  redisUrl: string | undefined;
  adminEmail: string;
  adminPassword: string | undefined;
  workers: number;
  managers: number;
  /** Whether a first start runs a sample video through. */
  sample: boolean;
  folders: { run: string; logs: string; secrets: string };
  credentialsFile: string;
  /** How to reach the servers of a running installation, for the tools beside it. */
  endpointsFile: string;
}

/** What `endpointsFile` holds. */
export interface Endpoints {
  database_url: string;
  migration_database_url: string;
  redis_url: string;
  api_url: string;
  ws_url: string;
}

/** What `credentialsFile` holds. */
export interface Credentials {
  email: string;
  password: string;
}

/** Reads `.env` of the project, if there is one; what the environment has already wins. */
export function loadDotEnv(): void {
  const file = join(PROJECT, '.env');
  if (existsSync(file)) process.loadEnvFile(file);
}

/**
 * The installation's folder: AGENTOS_HOME, or `.agentos` in the project, whatever folder the command was
 * started from.
 */
export function homeFolder(source: NodeJS.ProcessEnv = process.env): string {
  return source.AGENTOS_HOME ? resolve(source.AGENTOS_HOME) : join(PROJECT, '.agentos');
}

/** The files and folders of an installation that several tools know. */
export function installationFiles(home: string) {
  return {
    folders: { run: join(home, 'run'), logs: join(home, 'logs'), secrets: join(home, 'secrets') },
    credentialsFile: join(home, 'credentials.json'),
    endpointsFile: join(home, 'run', 'endpoints.json'),
  };
}

/** @throws StartProblem naming the first value that is wrong, and why */
export function launcherSettings(source: NodeJS.ProcessEnv = process.env): LauncherSettings {
  const home = homeFolder(source);
  const given = { ...source, AGENTOS_HOME: home };
  try {
    const env = loadEnv(given);
    const extra = checkExtras(given);
    return {
      env,
      home,
      databaseUrl: source.DATABASE_URL || undefined,
      migrationDatabaseUrl: source.MIGRATION_DATABASE_URL || source.DATABASE_URL || undefined,
      redisUrl: source.REDIS_URL || undefined,
      ...extra,
      ...installationFiles(home),
    };
  } catch (error) {
    if (error instanceof EnvError) throw new StartProblem(`${error.message}.`.replace(/\.\.$/, '.'));
    throw error;
  }
}

function checkExtras(source: NodeJS.ProcessEnv) {
  const filled = Object.fromEntries(Object.entries(source).filter(([, value]) => value !== ''));
  const values: Record<string, unknown> = cleanEnv(filled, FULL_ENV_SPEC, {
    reporter: ({ errors }) => {
      const [first] = Object.entries(errors);
      if (first) throw new EnvError(`${first[0]} ${first[1]?.message ?? 'is wrong'}`);
    },
  });
  const adminEmail = String(values.ADMIN_EMAIL);
  if (!isEmail(adminEmail)) throw new EnvError('ADMIN_EMAIL must be an e-mail address');
  const adminPassword = filled.ADMIN_PASSWORD;
  if (adminPassword && adminPassword.length < 8)
    throw new EnvError('ADMIN_PASSWORD must have at least 8 characters');
  return {
    adminEmail,
    adminPassword,
    workers: Number(values.WORKERS),
    managers: Number(values.MANAGERS),
    sample: values.AGENTOS_SAMPLE === true,
  };
}

/** The environment of the processes: ours, without what they must not know, with what was decided. */
export function childEnvironment(
  settings: LauncherSettings,
  endpoints: Endpoints,
  socket: string,
): NodeJS.ProcessEnv {
  const withheld = /^(ADMIN_EMAIL|ADMIN_PASSWORD|MIGRATION_DATABASE_URL|npm_.*|INIT_CWD)$/;
  const inherited = Object.entries(process.env).filter(([key]) => !withheld.test(key));
  return {
    ...Object.fromEntries(inherited),
    // npm puts its own folders in front; the processes need none of them.
    PATH: (process.env.PATH ?? '')
      .split(':')
      .filter((part) => !part.includes('node_modules'))
      .join(':'),
    AGENTOS_HOME: settings.home,
    DATABASE_URL: endpoints.database_url,
    REDIS_URL: endpoints.redis_url,
    LAUNCHER_SOCKET: socket,
  };
}

/** Where a compiled entry point lies, beside the launcher's own. */
export function entryPoint(name: string): string {
  return join(dirname(__dirname), name);
}
