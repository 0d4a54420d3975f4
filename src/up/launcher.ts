import { chmodSync, mkdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import type { RuntimeRole } from '../fleet/runtime-driver';
import { workerPrefix } from '../fleet/worker-names';
import { DEFAULT_POOL } from '../platform/settings/fleet.settings';
import { ControlServer, socketPath } from './control/control-server';
import { privateFolder, writePrivate } from './files';
import { ensureFirstAdmin, type FirstAdmin } from './first-admin';
import { Guardian } from './ownership/guardian';
import { LockHeld, takeLock } from './ownership/lock';
import { endProcess, graceMsOf, OwnedProcesses } from './ownership/owned-processes';
import { requirePort } from './ports';
import { StartCancelled, StartProblem } from './problem';
import { dataFolderOf, runningOn } from './postgres/cluster';
import { redisFolderOf, runningIn } from './redis/instance';
import { reasonIn, startPostgres, startRedis } from './servers';
import { serviceUser, type ServiceUser } from './service-user';
import { childEnvironment, entryPoint, PROJECT, type Endpoints, type LauncherSettings } from './settings';
import { NotReady, type ProcessSpec } from './supervise/supervised-process';
import { Supervisor } from './supervise/supervisor';
import { excerpt, type Terminal } from './terminal';
import { run } from './tools/run';

/** Less than this and Postgres will not get through its first checkpoint. Bytes. */
const LEAST_FREE = 150 * 1024 * 1024;

/** What a start that went well has to tell. */
export interface Started {
  endpoints: Endpoints;
  admin: FirstAdmin | undefined;
  rows: (readonly [string, string])[];
}

/**
 * Starts an installation and keeps it running: private servers where none are given, migrations, the first
 * admin, then the processes. One launcher per installation.
 */
export class Launcher {
  private readonly abort = new AbortController();
  private readonly owned: OwnedProcesses;
  private readonly supervisor: Supervisor;
  private guardian: Guardian | undefined;
  private control: ControlServer | undefined;
  private release: (() => void) | undefined;
  private childEnv: NodeJS.ProcessEnv = {};

  constructor(
    private readonly settings: LauncherSettings,
    private readonly terminal: Terminal,
  ) {
    this.owned = new OwnedProcesses(join(settings.folders.run, 'processes.json'));
    this.supervisor = new Supervisor(settings.folders.logs, this.listener(), (role, name, pool) =>
      this.spec(role, name, pool),
    );
  }

  /** @throws StartProblem, StartCancelled, or what {@link explain} makes a sentence of */
  async start(): Promise<Started> {
    const { settings, terminal } = this;
    this.makeFolders();
    this.lock();
    const user = serviceUser(settings.home);
    await this.endLeftovers(user);
    await requirePort(settings.env.port, settings.env.host, 'PORT');
    await requirePort(settings.env.wsPort, settings.env.host, 'WS_PORT');
    this.checkSpace(user);
    this.guardian = new Guardian();

    const say = (text: string) => terminal.say(text);
    const context = { settings, supervisor: this.supervisor, user, say, signal: this.abort.signal };
    const [postgres, redis] = await together([startPostgres(context), startRedis(context)]);
    const endpoints = this.endpoints(postgres.databaseUrl, postgres.migrationDatabaseUrl, redis.redisUrl);
    writePrivate(settings.endpointsFile, JSON.stringify(endpoints, null, 2));
    await this.migrate(endpoints);
    const admin = await ensureFirstAdmin(
      endpoints.database_url,
      settings.adminEmail,
      settings.adminPassword,
      ({ email, password, generated }) => {
        if (generated) writePrivate(settings.credentialsFile, JSON.stringify({ email, password }, null, 2));
      },
    );
    await this.startProcesses(endpoints);
    return { endpoints, admin, rows: this.rows(endpoints, admin, postgres.description, redis.description) };
  }

  /** Stops everything in order. A start that is under way ends with StartCancelled. */
  async stop(): Promise<void> {
    this.abort.abort();
    await this.supervisor.stopAll((role) => this.terminal.say(`stopping ${role}`));
    await this.control?.close();
    this.guardian?.dismiss();
    this.release?.();
  }

  /** Ends everything at once, without waiting for work under way. */
  async kill(): Promise<void> {
    await this.supervisor.killAll();
  }

  private makeFolders(): void {
    const { settings } = this;
    mkdirSync(settings.home, { recursive: true });
    // Run by root, the servers have users of their own, who must get through to their folders below.
    chmodSync(settings.home, process.getuid?.() === 0 ? 0o711 : 0o700);
    for (const folder of Object.values(settings.folders)) privateFolder(folder);
    for (const folder of [settings.env.keysDir, settings.env.storageDir, settings.env.workDir])
      privateFolder(folder);
  }

  private lock(): void {
    try {
      this.release = takeLock(join(this.settings.folders.run, 'launcher.lock'));
    } catch (error) {
      if (!(error instanceof LockHeld)) throw error;
      throw new StartProblem(
        `AgentOS is already running on ${this.settings.home} (process ${error.holder.pid}); ` +
          'stop that one, or set AGENTOS_HOME, PORT and WS_PORT for a second installation.',
      );
    }
  }

  private async endLeftovers(user: ServiceUser): Promise<void> {
    const ended = await this.owned.endLeftovers();
    for (const unrecorded of [runningIn(redisFolderOf(user)), runningOn(dataFolderOf(user))]) {
      if (!unrecorded) continue;
      await endProcess(unrecorded, graceMsOf(unrecorded));
      ended.push(unrecorded.name);
    }
    if (ended.length > 0)
      this.terminal.say(`ended what an earlier start had left running: ${ended.join(', ')}`);
  }

  private checkSpace(user: ServiceUser): void {
    const { bavail, bsize } = statfsSync(this.settings.home);
    if (bavail * bsize >= LEAST_FREE || (this.settings.databaseUrl && this.settings.redisUrl)) return;
    const free = Math.floor((bavail * bsize) / 1024 / 1024);
    throw new StartProblem(
      `The disk that holds ${user.folder} is full (${free} MB free, at least ${LEAST_FREE / 1024 / 1024} MB needed); ` +
        'free some space and start again.',
    );
  }

  private endpoints(databaseUrl: string, migrationDatabaseUrl: string, redisUrl: string): Endpoints {
    const { env } = this.settings;
    const host = ['0.0.0.0', '::', '127.0.0.1'].includes(env.host) ? 'localhost' : env.host;
    return {
      database_url: databaseUrl,
      migration_database_url: migrationDatabaseUrl,
      redis_url: redisUrl,
      api_url: `http://${host}:${env.port}`,
      ws_url: `ws://${host}:${env.wsPort}`,
    };
  }

  private async migrate(endpoints: Endpoints): Promise<void> {
    const env = { ...process.env, AGENTOS_HOME: this.settings.home, DATABASE_URL: endpoints.database_url };
    const { code, output } = await run(process.execPath, [entryPoint('platform/postgres/migrate.js')], {
      cwd: PROJECT,
      env: {
        ...env,
        REDIS_URL: endpoints.redis_url,
        MIGRATION_DATABASE_URL: endpoints.migration_database_url,
      },
      signal: this.abort.signal,
    });
    if (code !== 0)
      throw new StartProblem(output.trim().split('\n').slice(0, 3).join(' ') || 'The migration failed.');
  }

  private async startProcesses(endpoints: Endpoints): Promise<void> {
    const { settings } = this;
    this.childEnv = childEnvironment(settings, endpoints, socketPath(settings.folders.run));
    this.control = await ControlServer.listen(settings.folders.run, this.supervisor);
    const specs = [
      this.spec('api', 'api-1'),
      ...Array.from({ length: settings.managers }, (_, i) => this.spec('manager', `manager-${i + 1}`)),
      ...Array.from({ length: settings.workers }, (_, i) =>
        this.spec('worker', `${workerPrefix(DEFAULT_POOL)}-${i + 1}`, DEFAULT_POOL),
      ),
    ];
    await together(
      specs.map((spec) =>
        this.supervisor.run(spec).catch((error: unknown) => {
          if (!(error instanceof NotReady)) throw error;
          const log = join(settings.folders.logs, `${spec.name}.log`);
          throw new StartProblem(`${error.message}: ${reasonIn(error.lastLines)}\nIts log: ${log}`);
        }),
      ),
    );
  }

  private spec(role: RuntimeRole, name: string, pool: string | null = null): ProcessSpec {
    const entry = { api: 'main.js', worker: 'worker.js', manager: 'manager.js', postgres: '', redis: '' }[
      role
    ];
    return {
      name,
      role,
      pool,
      command: process.execPath,
      args: ['--enable-source-maps', entryPoint(entry)],
      // No fixed INSTANCE_ID or WORKER_ID: each life is another holder of leases than the one before.
      env: { ...this.childEnv, SERVICE_NAME: name, ...(pool === null ? {} : { WORKER_POOL: pool }) },
      cwd: PROJECT,
      stopSignal: 'SIGTERM',
      stopGraceMs: 35_000,
      readyMs: 120_000,
      ready: 'ipc',
    };
  }

  private listener() {
    const { terminal } = this;
    return {
      started: (process_: Parameters<OwnedProcesses['add']>[0]) => {
        this.owned.add(process_);
        this.guardian?.watch(process_);
      },
      ended: (pid: number) => this.owned.remove(pid),
      line: (name: string, line: string) => {
        const shown = excerpt(line);
        if (shown) terminal.say(`${name} ${shown}`);
      },
      notice: (text: string) => terminal.say(text),
      gaveUp: (name: string) =>
        terminal.say(`*** ${name} is DOWN and will not be started again by itself ***`),
    };
  }

  private rows(
    endpoints: Endpoints,
    admin: FirstAdmin | undefined,
    postgres: string,
    redis: string,
  ): Started['rows'] {
    const { settings } = this;
    return [
      ['API', `${endpoints.api_url}  (docs: ${endpoints.api_url}/docs)`],
      ['Gateway', endpoints.ws_url],
      ['Sign in as', signInHint(admin, settings)],
      ['Postgres', postgres],
      ['Redis', redis],
      ['Data', settings.home],
      ['Logs', settings.folders.logs],
      ['Processes', `1 api, ${settings.workers} worker, ${settings.managers} manager; Ctrl-C stops them all`],
    ];
  }
}

function signInHint(admin: FirstAdmin | undefined, settings: LauncherSettings): string {
  if (!admin) return `${settings.adminEmail} (as set at the first start)`;
  if (!admin.generated) return `${admin.email}, with the given ADMIN_PASSWORD`;
  return `${admin.email} / ${admin.password}  (shown only now; kept in ${settings.credentialsFile})`;
}

/** Waits for all, also when one fails: nothing is left under way that a stop would not see. */
async function together<T extends readonly unknown[] | []>(
  promises: T,
): Promise<{ -readonly [P in keyof T]: Awaited<T[P]> }> {
  const results = await Promise.allSettled(promises);
  const failures = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as Error] : [],
  );
  const first = failures.find((reason) => !(reason instanceof StartCancelled)) ?? failures[0];
  if (first) throw first;
  return Promise.all(promises);
}
