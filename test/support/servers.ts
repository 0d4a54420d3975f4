import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { eventually } from './eventually';
import { freePort } from './ports';

/** A temporary folder that every user may walk through (Postgres runs as another user than root). */
export function temporaryFolder(name: string): string {
  const dir = mkdtempSync(join(tmpdir(), `agentos-test-${name}-`));
  chmodSync(dir, 0o755);
  return dir;
}

/** The unprivileged user that Postgres runs as when the tests run as root; itself otherwise. */
function postgresUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const user of ['postgres', 'nobody']) {
    try {
      const id = (flag: string): number =>
        Number(execFileSync('id', [flag, user], { stdio: ['ignore', 'pipe', 'ignore'] }).toString());
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      continue; // no such user here: try the next one
    }
  }
  throw new Error('Postgres refuses to run as root, and there is neither a user "postgres" nor "nobody"');
}

function findBinary(name: string, folders: readonly string[]): string {
  for (const folder of [...folders, ...(process.env['PATH'] ?? '').split(':')]) {
    const path = join(folder, name);
    if (existsSync(path)) return path;
  }
  throw new Error(`${name} is not installed; the tests need it (looked in ${folders.join(', ')} and PATH)`);
}

function postgresFolders(): string[] {
  const base = '/usr/lib/postgresql';
  if (!existsSync(base)) return [];
  return readdirSync(base)
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(base, version, 'bin'));
}

/** Ends a process that this module started and waits until it is gone. */
async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  await gone;
}

/**
 * A private Postgres on the loopback address, with the owner's role and the application's role. Durability
 * is off: the data lives as long as the test run. A restart keeps port, data and passwords.
 */
export class PostgresServer {
  private child: ChildProcess | undefined;

  private constructor(
    private readonly dir: string,
    readonly port: number,
    private readonly ownerPassword: string,
    private readonly appPassword: string,
  ) {}

  /** Creates a cluster in a new temporary folder and starts it. */
  static async create(): Promise<PostgresServer> {
    const dir = temporaryFolder('postgres');
    const ownerPassword = randomBytes(12).toString('hex');
    const appPassword = randomBytes(12).toString('hex');
    const user = postgresUser();
    const passwordFile = join(dir, 'password');
    const data = join(dir, 'data');
    writeFileSync(passwordFile, ownerPassword, { mode: 0o600 });
    mkdirSync(data, { mode: 0o700 });
    if (user) for (const path of [passwordFile, data]) chownSync(path, user.uid, user.gid);
    execFileSync(
      findBinary('initdb', postgresFolders()),
      [
        '-D',
        data,
        '-U',
        'agentos_owner',
        '-E',
        'UTF8',
        '--locale=C',
        '-A',
        'scram-sha-256',
        `--pwfile=${passwordFile}`,
        '-N',
      ],
      { stdio: 'pipe', cwd: dir, ...user },
    );
    const server = new PostgresServer(dir, await freePort(), ownerPassword, appPassword);
    await server.start();
    await server.asOwner('postgres', async (client) => {
      await client.query(`CREATE ROLE agentos_app LOGIN PASSWORD '${appPassword}'`);
    });
    return server;
  }

  /** Starts the stopped server and waits until it takes connections. */
  async start(): Promise<void> {
    const settings = {
      port: String(this.port),
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      max_connections: '300',
    };
    const child = spawn(
      findBinary('postgres', postgresFolders()),
      [
        '-D',
        join(this.dir, 'data'),
        ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], cwd: this.dir, ...postgresUser() },
    );
    let log = '';
    const keep = (chunk: Buffer): void => {
      log = (log + chunk.toString()).slice(-8_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    this.child = child;
    await eventually(
      async () => {
        if (child.exitCode !== null) throw new Error(`Postgres ended with code ${child.exitCode}:\n${log}`);
        await this.asOwner('postgres', async (client) => client.query('SELECT 1'));
      },
      { timeoutMs: 30_000 },
    );
  }

  /** Stops the server at once, cutting its connections (SIGQUIT is Postgres' immediate shutdown). */
  async stop(): Promise<void> {
    if (this.child) await end(this.child, 'SIGQUIT');
    this.child = undefined;
  }

  /** Stops the server and removes its data. */
  async destroy(): Promise<void> {
    await this.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** The address for the owner of the schema, which migrates. */
  ownerUrl(database: string): string {
    return `postgres://agentos_owner:${this.ownerPassword}@127.0.0.1:${this.port}/${database}`;
  }

  /** The address for the role that the processes run as: it owns nothing and may not rewrite the audit. */
  appUrl(database: string): string {
    return `postgres://agentos_app:${this.appPassword}@127.0.0.1:${this.port}/${database}`;
  }

  private async asOwner(database: string, work: (client: Client) => Promise<unknown>): Promise<void> {
    const client = new Client({ connectionString: this.ownerUrl(database) });
    await client.connect();
    try {
      await work(client);
    } finally {
      await client.end();
    }
  }
}

/** A private Redis on the loopback address that keeps nothing on disk: a restart loses all of its data. */
export class RedisServer {
  private child: ChildProcess | undefined;

  private constructor(
    private readonly dir: string,
    private readonly port: number,
    private readonly password: string,
  ) {}

  /** Starts a new server. */
  static async create(): Promise<RedisServer> {
    const server = new RedisServer(
      temporaryFolder('redis'),
      await freePort(),
      randomBytes(12).toString('hex'),
    );
    await server.start();
    return server;
  }

  /** Starts the stopped server and waits until it answers. */
  async start(): Promise<void> {
    const child = spawn(
      findBinary('redis-server', ['/usr/bin', '/usr/local/bin']),
      [
        '--port',
        String(this.port),
        '--bind',
        '127.0.0.1',
        '--requirepass',
        this.password,
        '--save',
        '',
        '--appendonly',
        'no',
        '--dir',
        this.dir,
      ],
      { stdio: 'ignore' },
    );
    this.child = child;
    const failed = new Promise<never>((_resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`redis-server ended with code ${code}`)));
    });
    failed.catch(() => undefined); // the race below reports it; afterwards an end is wanted
    const answers = eventually(async () => this.ping(), { timeoutMs: 15_000 });
    await Promise.race([answers, failed]);
  }

  /** Kills the server; its data is lost. */
  async stop(): Promise<void> {
    if (this.child) await end(this.child, 'SIGKILL');
    this.child = undefined;
  }

  /** Stops the server and removes its folder. */
  async destroy(): Promise<void> {
    await this.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  get url(): string {
    return `redis://:${this.password}@127.0.0.1:${this.port}`;
  }

  private async ping(): Promise<void> {
    const client = new Redis(this.url, {
      lazyConnect: true,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
    });
    client.on('error', () => undefined); // connect() rejects with the same error
    try {
      await client.connect();
      await client.ping();
      // Not disconnect(): that keeps a timer of two seconds.
      await client.quit();
    } catch (error) {
      client.disconnect();
      throw error;
    }
  }
}
