import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createTestDatabase, type TestDatabase } from './database';
import { type Installation, testVariables, type Variables } from './env';
import { HttpClient } from './http-client';
import { testPort } from './ports';
import { ServiceProcess } from './process';
import { redisForTest } from './redis';
import { temporaryFolder } from './servers';
import { saveSettings, makeUser, signIn, type TestUser } from './users';
import { WsClient } from './ws-client';

/** What a cluster consists of. */
export interface ClusterOptions {
  apis?: number;
  workers?: number;
  managers?: number;
  /** Added to the environment of every process. */
  variables?: Variables;
  /** How many lines of each process's output are kept, if not the usual number. */
  keptLines?: number;
  /** The settings in force from the start; {@link TEST_SETTINGS} if not given. */
  settings?: object;
  /** Where the data is; a new database and Redis prefix of this run's servers if not given. */
  installation?: Installation & Pick<TestDatabase, 'query'>;
  /** Called when the cluster has stopped. */
  onStopped?: () => Promise<void>;
}

declare global {
  /** Set while a cluster runs, so that the test environment can print the logs of a test that failed. */
  var agentosClusterLogs: (() => string) | undefined;
}

/** The whole product as real processes: several apis, workers and managers on one Postgres and one Redis. */
export class Cluster {
  readonly apis: ServiceProcess[] = [];
  readonly workers: ServiceProcess[] = [];
  readonly managers: ServiceProcess[] = [];
  private readonly variables: Variables;
  private readonly keptLines: number | undefined;
  /** How many of each role were ever started: those that start at the same time have different names too. */
  private readonly started = new Map<string, number>();

  private constructor(
    options: ClusterOptions,
    installation: Installation,
    /** The test's own connection to the database of the cluster. */
    readonly query: TestDatabase['query'],
    private readonly home: string,
    private readonly release: () => Promise<void>,
  ) {
    this.keptLines = options.keptLines;
    this.variables = testVariables(installation, {
      AGENTOS_HOME: join(home, 'home'),
      LOG_LEVEL: 'info',
      ...options.variables,
    });
  }

  /** Starts the processes (2 apis, 1 worker, 1 manager if not said otherwise) and waits until all are ready. */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const home = temporaryFolder('cluster');
    const { installation, query, release } = options.installation
      ? {
          installation: options.installation,
          query: options.installation.query,
          release: () => Promise.resolve(),
        }
      : await ownInstallation();
    const cluster = new Cluster(options, installation, query, home, async () => {
      await release();
      await options.onStopped?.();
    });
    globalThis.agentosClusterLogs = () => cluster.logs();
    await saveSettings({ query }, options.settings);
    try {
      const port = await testPort();
      cluster.variables['PUBLIC_URL'] = `http://127.0.0.1:${port}`;
      // The first api creates the keys that the others find; the rest starts at the same time.
      if (options.apis !== 0) await cluster.startApi(port);
      await Promise.all([
        ...Array.from({ length: Math.max(0, (options.apis ?? 2) - 1) }, () => cluster.startApi()),
        ...Array.from({ length: options.workers ?? 1 }, () => cluster.startWorker()),
        ...Array.from({ length: options.managers ?? 1 }, () => cluster.startManager()),
      ]);
    } catch (error) {
      await cluster.stop().catch(() => undefined); // the first error is the one that tells
      throw error;
    }
    return cluster;
  }

  async startApi(port?: number, variables: Variables = {}): Promise<ServiceProcess> {
    return this.run('api', 'main', this.apis, {
      PORT: String(port ?? (await testPort())),
      WS_PORT: String(await testPort()),
      ...variables,
    });
  }

  startWorker(variables: Variables = {}): Promise<ServiceProcess> {
    return this.run('worker', 'worker', this.workers, variables);
  }

  startManager(variables: Variables = {}): Promise<ServiceProcess> {
    return this.run('manager', 'manager', this.managers, variables);
  }

  /** The address of an api process. */
  url(api = 0): string {
    return `http://127.0.0.1:${this.process(this.apis, api).variables['PORT']}`;
  }

  /** The address of the gateway of an api process. */
  wsUrl(api = 0): string {
    return `ws://127.0.0.1:${this.process(this.apis, api).variables['WS_PORT']}`;
  }

  /** A client of an api process that is not signed in. */
  http(api = 0): HttpClient {
    return new HttpClient(this.url(api));
  }

  /** A new user, signed in at an api process. */
  async user(role: TestUser['role'], api = 0): Promise<{ user: TestUser; client: HttpClient }> {
    const user = await makeUser({ query: this.query }, role);
    const { access_token } = await signIn(this.http(api), user);
    return { user, client: this.http(api).as(access_token) };
  }

  /** A gateway connection of the client's user. */
  socket(client: HttpClient, api = 0): Promise<WsClient> {
    if (!client.token) throw new Error('the client is not signed in');
    return WsClient.connect(this.wsUrl(api), client.token);
  }

  /** The environment that its processes share. */
  get environment(): Readonly<Variables> {
    return this.variables;
  }

  /** Where the cluster keeps its files. */
  get folder(): string {
    return this.home;
  }

  /** The command lines of the ffmpeg and ffprobe processes that work for this cluster. */
  mediaProcesses(): string[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => commandLine(pid))
      .filter((line) => /ff(mpeg|probe)/.test(line) && line.includes(this.home));
  }

  /** Stops everything gracefully and removes the files. @throws if a process does not stop properly */
  async stop(): Promise<void> {
    const processes = [...this.apis, ...this.workers, ...this.managers];
    const stops = await Promise.allSettled(processes.map((service) => service.stop()));
    globalThis.agentosClusterLogs = undefined;
    await this.release();
    rmSync(this.home, { recursive: true, force: true });
    const failed = stops.find((stop) => stop.status === 'rejected');
    if (failed) throw failed.reason as Error;
  }

  /** The last lines of all processes. */
  logs(): string {
    return [...this.apis, ...this.workers, ...this.managers].map((service) => service.tail()).join('\n');
  }

  private async run(
    role: string,
    entry: string,
    list: ServiceProcess[],
    variables: Variables,
  ): Promise<ServiceProcess> {
    const number = (this.started.get(role) ?? 0) + 1;
    this.started.set(role, number);
    const name = `${role}-${number}`;
    const own = { ...this.variables, INSTANCE_ID: name, ...variables };
    const service = await ServiceProcess.start(name, entry, own, this.keptLines);
    list.push(service);
    return service;
  }

  private process(list: ServiceProcess[], index: number): ServiceProcess {
    const service = list[index];
    if (!service) throw new Error(`the cluster has no process ${index} of this kind`);
    return service;
  }
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ');
  } catch {
    return ''; // it ended meanwhile
  }
}

async function ownInstallation(): Promise<{
  installation: Installation;
  query: TestDatabase['query'];
  release: () => Promise<void>;
}> {
  const database = await createTestDatabase();
  const redis = redisForTest();
  return {
    installation: {
      databaseUrl: database.url,
      ownerUrl: database.ownerUrl,
      redisUrl: redis.url,
      redisPrefix: redis.prefix,
    },
    query: database.query,
    release: async () => {
      await redis.close();
      await database.drop();
    },
  };
}
