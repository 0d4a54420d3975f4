import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { keptSecret, privateFolder, secretIn, writePrivate } from '../files';
import { identify } from '../../platform/process/process-identity';
import type { OwnedProcess } from '../ownership/owned-processes';
import { saysDiskFull, StartProblem } from '../problem';
import type { ServiceUser } from '../service-user';
import type { ProcessSpec } from '../supervise/supervised-process';
import { run } from '../tools/run';
import type { PostgresBinaries } from './binaries';

const OWNER = 'agentos_owner';
const APP = 'agentos_app';
const DATABASE = 'agentos';

/** What a start needs to know about the private Postgres. */
export interface ClusterOptions {
  user: ServiceUser;
  /** Where the passwords are kept. */
  secretsFolder: string;
  signal: AbortSignal;
}

/**
 * The private Postgres of an installation: loopback only, passwords by SCRAM, a superuser that owns the tables
 * and runs the migrations, and a role without such rights for everything else.
 */
export class Cluster {
  readonly dataFolder: string;
  private readonly ownerPassword: string;
  private readonly appPassword: string;

  constructor(private readonly options: ClusterOptions) {
    this.dataFolder = dataFolderOf(options.user);
    const ownerSecret = join(options.secretsFolder, 'postgres-owner');
    if (existsSync(join(this.dataFolder, 'PG_VERSION')) && !secretIn(ownerSecret)) {
      throw new StartProblem(
        `The password file ${ownerSecret} is missing or empty, and ${this.dataFolder} cannot be opened without it; bring it back, or remove that folder too.`,
      );
    }
    this.ownerPassword = keptSecret(ownerSecret);
    this.appPassword = keptSecret(join(options.secretsFolder, 'postgres-app'));
  }

  /** Makes the data folder if there is none yet; whole or not at all. */
  async initialise(binaries: PostgresBinaries): Promise<void> {
    if (existsSync(join(this.dataFolder, 'PG_VERSION'))) return;
    const { user, signal } = this.options;
    const draft = `${this.dataFolder}.new`;
    const passwordFile = `${this.dataFolder}.password`;
    rmSync(draft, { recursive: true, force: true });
    privateFolder(draft, user.owner);
    writePrivate(passwordFile, `${this.ownerPassword}\n`, user.owner);
    const args = ['-D', draft, '-U', OWNER, `--pwfile=${passwordFile}`, '-A', 'scram-sha-256', '-E', 'UTF8'];
    try {
      const { code, output } = await run(join(binaries.folder, 'initdb'), [...args, '--locale=C', '-k'], {
        ...user.owner,
        cwd: draft,
        env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
        signal,
      });
      if (code !== 0) throw initProblem(output, draft);
      renameSync(draft, this.dataFolder);
    } finally {
      rmSync(passwordFile, { force: true });
      rmSync(draft, { recursive: true, force: true });
    }
  }

  /** How to run it on this port. */
  spec(binaries: PostgresBinaries, port: number): ProcessSpec {
    const settings = {
      port,
      listen_addresses: '127.0.0.1',
      // Loopback with passwords is the only way in: a socket's path could be too long, or be guessed.
      unix_socket_directories: '',
      password_encryption: 'scram-sha-256',
      max_connections: 200,
      timezone: 'UTC',
      log_timezone: 'UTC',
      // The queries here are short; compiling them costs more than it gains.
      jit: 'off',
    };
    return {
      name: 'postgres',
      role: 'postgres',
      pool: null,
      command: join(binaries.folder, 'postgres'),
      args: [
        '-D',
        this.dataFolder,
        ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
      ],
      env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
      cwd: this.dataFolder,
      ...this.options.user.owner,
      // SIGINT is Postgres' "fast" stop: open connections are closed, nothing is lost.
      stopSignal: 'SIGINT',
      stopGraceMs: 30_000,
      readyMs: 60_000,
      ready: () => this.asOwner(port, 'postgres', () => Promise.resolve()),
    };
  }

  /** Makes the database and the application's role, or brings them to what they should be. */
  async prepare(port: number): Promise<void> {
    await this.asOwner(port, 'postgres', async (client) => {
      const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE]);
      if (!rowCount) await client.query(`CREATE DATABASE ${DATABASE} OWNER ${OWNER}`);
      const role = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [APP]);
      if (!role.rowCount) await client.query(`CREATE ROLE ${APP}`);
      const password = client.escapeLiteral(this.appPassword);
      await client.query(`ALTER ROLE ${APP} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD ${password}`);
    });
  }

  /** What the processes connect to. */
  appUrl(port: number): string {
    return `postgres://${APP}:${this.appPassword}@127.0.0.1:${port}/${DATABASE}`;
  }

  /** What migrations connect to. */
  ownerUrl(port: number): string {
    return `postgres://${OWNER}:${this.ownerPassword}@127.0.0.1:${port}/${DATABASE}`;
  }

  private asOwner<T>(port: number, database: string, act: (client: Client) => Promise<T>): Promise<T> {
    return withClient(this.ownerUrl(port).replace(/[^/]*$/, database), act);
  }
}

/** Resolves if a Postgres answers at this address. */
export async function pingPostgres(url: string): Promise<void> {
  await withClient(url, (client) => client.query('SELECT 1'));
}

async function withClient<T>(connectionString: string, act: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 5_000 });
  // A server that goes down meanwhile shows as a failed query or connection.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await act(client);
  } finally {
    await client.end();
  }
}

/** Where the private Postgres keeps its data. */
export function dataFolderOf(user: ServiceUser): string {
  return join(user.folder, 'postgres', 'data');
}

/** Makes the folders that Postgres' user must be able to pass through. */
export function makeClusterFolders(user: ServiceUser): void {
  const parent = join(user.folder, 'postgres');
  mkdirSync(parent, { recursive: true });
  if (user.owner) chmodSync(user.folder, 0o711);
  privateFolder(parent, user.owner);
}

/**
 * The Postgres that runs on this data folder, by the file that Postgres itself keeps there: one that was
 * started but not yet recorded when its launcher was killed.
 */
export function runningOn(dataFolder: string): OwnedProcess | undefined {
  let lines: string[];
  try {
    lines = readFileSync(join(dataFolder, 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return undefined;
  }
  const identity = identify(Number(lines[0]));
  if (!identity || lines[1] !== dataFolder || !isPostgresOn(identity.pid, dataFolder)) return undefined;
  return { ...identity, name: 'postgres', stopSignal: 'SIGINT' };
}

function isPostgresOn(pid: number, dataFolder: string): boolean {
  if (process.platform !== 'linux') return true;
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(dataFolder);
  } catch {
    return false;
  }
}

function initProblem(output: string, folder: string): Error {
  if (saysDiskFull(output)) return new Error(`ENOSPC: ${folder}`);
  const lines = output.trim().split('\n');
  const reason = lines.find((line) => /error|fatal|could not/i.test(line)) ?? lines.pop();
  return new StartProblem(
    `Postgres could not make its data folder ${folder}: ${reason ?? 'no reason given'}.`,
  );
}
