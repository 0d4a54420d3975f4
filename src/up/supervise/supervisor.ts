import { join } from 'node:path';
import {
  MAX_LOG_LINES,
  RuntimeDriverError,
  type RuntimeDriver,
  type RuntimeLogLine,
  type RuntimeRole,
  type RuntimeScale,
  type RuntimeService,
} from '../../fleet/runtime-driver';
import { RotatingLog } from './rotating-log';
import { NotReady, SupervisedProcess, type ProcessListener, type ProcessSpec } from './supervised-process';

/** Makes the spec of the process with this role and number (from 1). */
export type SpecFactory = (role: RuntimeRole, number: number) => ProcessSpec;

/** The roles of which there may be any number, with the least and the greatest. */
const SCALABLE: Partial<Record<RuntimeRole, [number, number]>> = { worker: [0, 32], manager: [1, 8] };

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
    await this.processes.get(name)?.stop();
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

  async scale(role: RuntimeRole, replicas: number): Promise<RuntimeScale> {
    this.refuseWhileStopping();
    const range = SCALABLE[role];
    if (!range)
      throw new RuntimeDriverError('NOT_SCALABLE', `The number of ${role} processes is fixed here.`);
    if (!Number.isInteger(replicas) || replicas < range[0] || replicas > range[1]) {
      const allowed = `${range[0]} to ${range[1]}`;
      throw new RuntimeDriverError('INVALID', `The number of ${role} processes must be ${allowed}.`);
    }
    const present = [...this.processes.values()].filter((entry) => entry.spec.role === role);
    const surplus = present.slice(replicas);
    const taken = new Set(present.map((entry) => entry.spec.name));
    const added: SupervisedProcess[] = [];
    for (let number = 1; present.length + added.length < replicas; number++) {
      const spec = this.specOf(role, number);
      if (!taken.has(spec.name)) added.push(this.register(spec));
    }
    await Promise.all([
      ...surplus.map((entry) => this.discard(entry.spec.name)),
      ...added.map((entry) => this.change(entry.spec.name, () => entry.start())),
    ]);
    return { role, replicas, previous: present.length };
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
