import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Guardian } from '../../src/up/ownership/guardian';
import { identify } from '../../src/platform/process/process-identity';
import { testPort } from './ports';
import { findPostgres, type PostgresBinaries } from '../../src/up/postgres/binaries';
import { Cluster, makeClusterFolders } from '../../src/up/postgres/cluster';
import { findRedis, type RedisBinary } from '../../src/up/redis/binaries';
import { RedisInstance } from '../../src/up/redis/instance';
import { serviceUser } from '../../src/up/service-user';
import type { ProcessSpec } from '../../src/up/supervise/supervised-process';
import { eventually } from './eventually';

const PROJECT = join(__dirname, '../..');

/**
 * The data need not survive the machine, but it must survive a crash of the server: without
 * synchronous_commit, what was committed just before would be gone, and tests kill servers.
 */
const FAST = { fsync: 'off', full_page_writes: 'off', max_connections: '300' };

/** Tells whoever watches the tests what takes so long, such as fetching a server that is not installed. */
const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

/** Names the folder that all temporary folders of a run lie in; it goes with the run. */
export const RUN_FOLDER_VARIABLE = 'AGENTOS_TEST_FOLDER';

/** A temporary folder that every user may walk through: the servers run as another user than root. */
export function temporaryFolder(name: string): string {
  const dir = mkdtempSync(join(process.env[RUN_FOLDER_VARIABLE] ?? tmpdir(), `agentos-test-${name}-`));
  chmodSync(dir, 0o755);
  return dir;
}

/** Where `npm start` keeps the programs that it had to fetch: they are fetched once for both. */
function toolsFolder(): string {
  const home = join(PROJECT, '.agentos');
  mkdirSync(home, { recursive: true });
  return join(serviceUser(home).folder, 'tools');
}

/** A server that runs as the launcher would run it. */
abstract class Server {
  private child: ChildProcess | undefined;
  private log = '';
  /** Stops the server should this process be killed. */
  private guardian: Guardian | undefined;

  protected constructor(
    private readonly dir: string,
    private readonly spec: ProcessSpec,
    private readonly stopSignal: NodeJS.Signals,
  ) {}

  /** Starts the stopped server on the same port and waits until it answers. */
  async start(): Promise<void> {
    const { spec } = this;
    const child = spawn(spec.command, spec.args, {
      cwd: spec.cwd,
      env: spec.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      ...(spec.uid === undefined ? {} : { uid: spec.uid, gid: spec.gid }),
    });
    this.child = child;
    this.guardian = new Guardian();
    const identity = identify(child.pid ?? 0);
    if (identity) this.guardian.watch({ ...identity, name: spec.name, stopSignal: this.stopSignal });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (this.log = (this.log + chunk.toString()).slice(-4_000)));
    const ready = spec.ready;
    if (ready === 'ipc') throw new Error(`${spec.name} cannot be asked whether it is ready`);
    await eventually(
      async () => {
        if (child.exitCode !== null)
          throw new Error(`${spec.name} ended with ${child.exitCode}:\n${this.log}`);
        await ready();
      },
      { timeoutMs: spec.readyMs },
    );
  }

  /** Of the server's first process, while it runs. */
  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** Stops the server at once, cutting its connections. */
  async stop(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    this.guardian?.dismiss();
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(this.stopSignal);
    await gone;
  }

  /** Stops the server and removes its data. */
  async destroy(): Promise<void> {
    await this.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/**
 * A private Postgres, with the owner's role and the application's. Durability is off unless asked for. A restart
 * keeps port, data and passwords.
 */
export class PostgresServer extends Server {
  private constructor(
    dir: string,
    binaries: PostgresBinaries,
    private readonly cluster: Cluster,
    private readonly port: number,
    settings: Record<string, string>,
  ) {
    const spec = cluster.spec(binaries, port);
    const added = Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
    super(dir, { ...spec, args: [...spec.args, ...added] }, 'SIGQUIT'); // Postgres' immediate shutdown
  }

  /** Makes the data in a new temporary folder and starts the server; `durable` as in production, for measurements. */
  static async create({ durable = false } = {}): Promise<PostgresServer> {
    const dir = temporaryFolder('postgres');
    const { signal } = new AbortController();
    const user = serviceUser(dir);
    makeClusterFolders(user);
    const cluster = new Cluster({ user, secretsFolder: join(dir, 'secrets'), signal });
    const binaries = await findPostgres(cluster.dataFolder, toolsFolder(), say, signal);
    await cluster.initialise(binaries);
    const port = await testPort();
    const server = new PostgresServer(dir, binaries, cluster, port, durable ? {} : FAST);
    await server.start();
    await cluster.prepare(port);
    return server;
  }

  /** The address for the owner of the schema, which migrates. */
  ownerUrl(database: string): string {
    return this.cluster.ownerUrl(this.port).replace(/[^/]*$/, database);
  }

  /** The address for the role that the processes run as: it owns nothing and may not rewrite the audit. */
  appUrl(database: string): string {
    return this.cluster.appUrl(this.port).replace(/[^/]*$/, database);
  }
}

/** A private Redis that keeps nothing on disk: a restart loses all of its data. */
export class RedisServer extends Server {
  /** Where it listens, with its password. */
  readonly url: string;

  private constructor(dir: string, binary: RedisBinary, instance: RedisInstance, port: number) {
    const spec = instance.spec(binary, port);
    super(dir, { ...spec, args: [...spec.args, '--save', ''] }, 'SIGKILL');
    this.url = instance.url(port);
  }

  /** Starts a new server. */
  static async create(): Promise<RedisServer> {
    const dir = temporaryFolder('redis');
    const binary = await findRedis(toolsFolder(), say, new AbortController().signal);
    const instance = new RedisInstance(serviceUser(dir), join(dir, 'secrets'));
    const server = new RedisServer(dir, binary, instance, await testPort());
    await server.start();
    return server;
  }
}
