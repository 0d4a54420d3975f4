import { join } from 'node:path';
import {
  MAX_LOG_LINES,
  RuntimeDriverError,
  type RuntimeDriver,
  type RuntimeLogLine,
  type RuntimeRole,
  type RuntimeScale,
  type RuntimeService,
  type ScaleScope,
} from '../../fleet/runtime-driver';
import { surplusOf } from '../../fleet/drivers/scale-down';
import { checkNewName, checkPool, freeNames, workerPrefix } from '../../fleet/worker-names';
import { DEFAULT_POOL, MAX_WORKERS } from '../../platform/settings/fleet.settings';
import { RotatingLog } from './rotating-log';
import { NotReady, SupervisedProcess, type ProcessListener, type ProcessSpec } from './supervised-process';

/** Makes the spec of the process with this role and name; a worker has a pool. */
export type SpecFactory = (role: RuntimeRole, name: string, pool: string | null) => ProcessSpec;

/** The roles of which there may be any number, with the least and the greatest. */
const SCALABLE: Partial<Record<RuntimeRole, [number, number]>> = {
  worker: [0, MAX_WORKERS],
  manager: [1, 8],
};

/** Whoever is needed by others stops after them. */
const STOP_ORDER: readonly RuntimeRole[] = ['api', 'manager', 'worker', 'redis', 'postgres'];

/** All processes of an installation, by name. It is the launcher's end of the process driver. */
export class Supervisor implements RuntimeDriver {
  readonly kind = 'process';
  private readonly processes = new Map<string, SupervisedProcess>();
  private stopping = false;

  constructor(
    private readonly logFolder: string,
    private readonly listener: ProcessListener,
    private readonly specOf: SpecFactory,
  ) {}

  /** Adds a process and starts it; resolves when it is ready. @throws NotReady */
  async run(spec: ProcessSpec): Promise<void> {
    this.refuseWhileStopping();
    await this.register(spec).start();
  }

  /** Takes a process that never came up off the list. */
  async discard(name: string): Promise<void> {
    await this.processes.get(name)?.retire();
    this.processes.delete(name);
  }

  list(): Promise<RuntimeService[]> {
    return Promise.resolve([...this.processes.values()].map((entry) => entry.describe()));
  }

  async start(name: string): Promise<RuntimeService> {
    return this.change(name, (entry) => entry.start());
  }

  async stop(name: string): Promise<RuntimeService> {
    return this.change(name, (entry) => entry.stop());
  }

  async restart(name: string): Promise<RuntimeService> {
    return this.change(name, async (entry) => {
      await entry.stop();
      await entry.start();
    });
  }

  async kill(name: string): Promise<RuntimeService> {
    return this.change(name, (entry) => entry.kill());
  }

  async scale(role: RuntimeRole, replicas: number, scope: ScaleScope = {}): Promise<RuntimeScale> {
    this.refuseWhileStopping();
    const range = SCALABLE[role];
    if (!range)
      throw new RuntimeDriverError('NOT_SCALABLE', `The number of ${role} processes is fixed here.`);
    if (!Number.isInteger(replicas) || replicas < range[0] || replicas > range[1]) {
      const allowed = `${range[0]} to ${range[1]}`;
      throw new RuntimeDriverError('INVALID', `The number of ${role} processes must be ${allowed}.`);
    }
    const pool = role === 'worker' ? (scope.pool ?? DEFAULT_POOL) : null;
    if (pool !== null) checkPool(pool);
    const present = [...this.processes.values()]
      .map(({ spec }) => spec)
      .filter((spec) => spec.role === role && spec.pool === pool)
      .map(({ name }) => name);
    const missing = replicas - present.length;
    const added = this.freeNames(role, pool, missing).map((name) =>
      this.register(this.specOf(role, name, pool)),
    );
    await Promise.all([
      ...surplusOf(present, replicas, scope.first ?? []).map((name) => this.discard(name)),
      ...added.map((entry) => this.change(entry.spec.name, () => entry.start())),
    ]);
    return { role, replicas, previous: present.length };
  }

  async addWorker(pool: string, name: string): Promise<RuntimeService> {
    this.refuseWhileStopping();
    checkPool(pool);
    checkNewName(name, new Set(this.processes.keys()));
    this.register(this.specOf('worker', name, pool));
    try {
      return await this.start(name);
    } catch (error) {
      await this.discard(name);
      throw error;
    }
  }

  async logs(name: string, limit: number): Promise<RuntimeLogLine[]> {
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LOG_LINES) {
      throw new RuntimeDriverError('INVALID', `The limit must be 1 to ${MAX_LOG_LINES}.`);
    }
    const lines = this.find(name).log.tail(limit);
    return Promise.resolve(lines.map((line) => ({ at: timeOf(line), line })));
  }

  /** Stops everything, in order; those of one role together. Nothing can be started from then on. */
  async stopAll(onRole: (role: RuntimeRole) => void): Promise<void> {
    this.stopping = true;
    for (const role of STOP_ORDER) {
      const entries = [...this.processes.values()].filter((entry) => entry.spec.role === role);
      if (entries.length > 0) onRole(role);
      await Promise.all(entries.map((entry) => entry.stop()));
    }
  }

  /** Ends everything at once, for somebody who does not want to wait. */
  async killAll(): Promise<void> {
    await Promise.all([...this.processes.values()].map((entry) => entry.kill()));
  }

  private freeNames(role: RuntimeRole, pool: string | null, count: number): string[] {
    const taken = new Set(this.processes.keys());
    return freeNames(pool === null ? role : workerPrefix(pool), count, taken);
  }

  private register(spec: ProcessSpec): SupervisedProcess {
    const log = new RotatingLog(join(this.logFolder, `${spec.name}.log`));
    const entry = new SupervisedProcess(spec, log, this.listener);
    this.processes.set(spec.name, entry);
    return entry;
  }

  private refuseWhileStopping(): void {
    if (this.stopping) throw new RuntimeDriverError('UNAVAILABLE', 'The launcher is stopping.');
  }

  private find(name: string): SupervisedProcess {
    const entry = this.processes.get(name);
    if (!entry) throw new RuntimeDriverError('UNKNOWN_SERVICE', `There is no service "${name}".`);
    return entry;
  }

  private async change(
    name: string,
    act: (entry: SupervisedProcess) => Promise<void>,
  ): Promise<RuntimeService> {
    this.refuseWhileStopping();
    const entry = this.find(name);
    try {
      await act(entry);
    } catch (error) {
      if (error instanceof NotReady) throw new RuntimeDriverError('FAILED', `${error.message}.`);
      throw error;
    }
    return entry.describe();
  }
}

/** The time of a JSON log line (`time`, epoch milliseconds or ISO 8601); null for any other line. */
function timeOf(line: string): string | null {
  if (!line.startsWith('{')) return null;
  try {
    const { time } = JSON.parse(line) as { time?: unknown };
    const at = typeof time === 'number' || typeof time === 'string' ? new Date(time) : undefined;
    return at && !Number.isNaN(at.getTime()) ? at.toISOString() : null;
  } catch {
    return null;
  }
}
