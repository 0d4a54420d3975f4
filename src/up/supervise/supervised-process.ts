import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { RuntimeRole, RuntimeService, RuntimeState } from '../../fleet/runtime-driver';
import { endProcess, signal, type OwnedProcess } from '../ownership/owned-processes';
import { identify } from '../../platform/process/process-identity';
import { BackOff } from './back-off';
import type { RotatingLog } from './rotating-log';

/** What to run, and how it says that it is ready. */
export interface ProcessSpec {
  name: string;
  role: RuntimeRole;
  /** The pool of a worker; null for every other role. */
  pool: string | null;
  command: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  cwd: string;
  /** Run as this user; only a root launcher can. */
  uid?: number;
  gid?: number;
  stopSignal: NodeJS.Signals;
  /** How long a graceful stop may take, milliseconds. */
  stopGraceMs: number;
  /** How long it may take to get ready, milliseconds. */
  readyMs: number;
  /** `ipc`: it sends {type: 'ready'}. A function: asked again and again until it resolves. */
  ready: 'ipc' | (() => Promise<void>);
}

/** What a supervised process tells about itself. */
export interface ProcessListener {
  started(owned: OwnedProcess): void;
  ended(pid: number): void;
  line(name: string, line: string): void;
  /** Something that a person at the terminal wants to know. */
  notice(text: string): void;
  gaveUp(name: string): void;
}

const PROBE_MS = 50;

/** It ended before it was ready, or did not get ready in time. `lastLines` is what it wrote last. */
export class NotReady extends Error {
  override name = 'NotReady';

  constructor(
    message: string,
    readonly lastLines: string[],
  ) {
    super(message);
  }
}

/**
 * One process that is kept running: started in its own process group, its output written to its log, started
 * again with back-off when it ends by itself, and given up when it keeps ending.
 */
export class SupervisedProcess {
  private child: ChildProcess | undefined;
  private owned: OwnedProcess | undefined;
  private state: RuntimeState = 'stopped';
  private since = new Date();
  private restarts = 0;
  private lastExit: string | null = null;
  private wanted = false;
  /** Whether it was told to stop last, and not to start. */
  private toStop = false;
  private timer: NodeJS.Timeout | undefined;
  private starting: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;
  private ended: Promise<unknown> = Promise.resolve();
  /** All that it wrote in its last life was read. */
  private drained: Promise<unknown> = Promise.resolve();
  /** Somebody waits for this start and hears how it fails, so it is not tried again by itself. */
  private startedByHand = false;

  constructor(
    readonly spec: ProcessSpec,
    readonly log: RotatingLog,
    private readonly listener: ProcessListener,
    private readonly backOff = new BackOff(),
  ) {}

  describe(): RuntimeService {
    return {
      name: this.spec.name,
      role: this.spec.role,
      pool: this.spec.pool,
      state: this.state,
      pid: this.child?.pid ?? null,
      since: this.since.toISOString(),
      restarts: this.restarts,
      last_exit: this.lastExit,
    };
  }

  /** Starts it by hand, when it has ended if it is being stopped; resolves when it is ready. @throws NotReady */
  async start(): Promise<void> {
    this.toStop = false;
    // Begun beside it, nobody would own the new one once the old one has ended.
    await this.stopped();
    if (this.toStop) throw this.notReady('was stopped before it could be started');
    if (this.state === 'running') return;
    if (this.starting) return this.starting;
    clearTimeout(this.timer);
    this.wanted = true;
    this.backOff.reset();
    return this.launch(true);
  }

  /** Stops it, gracefully as long as its spec allows; resolves when it has ended. */
  stop(): Promise<void> {
    this.toStop = true;
    this.wanted = false;
    clearTimeout(this.timer);
    this.stopping ??= this.end().finally(() => (this.stopping = undefined));
    return this.stopping;
  }

  private async stopped(): Promise<void> {
    while (this.stopping) await this.stopping;
  }

  private async end(): Promise<void> {
    const { owned } = this;
    if (owned) {
      this.enter('stopping');
      await endProcess(owned, this.spec.stopGraceMs);
      await this.ended;
      // A start that was under way fails with it.
      await this.starting?.catch(() => undefined);
    }
    this.enter('stopped');
  }

  /** Stops it for good: its log is closed when its last words are in it. */
  async retire(): Promise<void> {
    await this.stop();
    void this.drained.then(() => this.log.close());
  }

  /** Ends it at once, with its process group. It comes back like after a first crash. */
  async kill(): Promise<void> {
    if (!this.owned) return;
    this.backOff.reset();
    signal(-this.owned.pid, 'SIGKILL');
    await this.ended;
  }

  private launch(byHand: boolean): Promise<void> {
    this.startedByHand = byHand;
    this.starting = this.spawnAndWait().finally(() => (this.starting = undefined));
    return this.starting;
  }

  private async spawnAndWait(): Promise<void> {
    const { spec } = this;
    this.enter('starting');
    const startedAt = Date.now();
    const child = spawn(spec.command, spec.args, {
      cwd: spec.cwd,
      env: spec.env,
      detached: true,
      ...(spec.uid === undefined ? {} : { uid: spec.uid, gid: spec.gid }),
      stdio: ['ignore', 'pipe', 'pipe', ...(spec.ready === 'ipc' ? (['ipc'] as const) : [])],
    });
    this.child = child;
    const outputs = [child.stdout, child.stderr].flatMap((stream) =>
      stream ? createInterface({ input: stream }).on('line', (line) => this.write(line)) : [],
    );
    this.drained = Promise.all(
      outputs.map((output) => new Promise<void>((resolve) => output.once('close', resolve))),
    );
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signalName) => resolve(signalName ?? `exit code ${code ?? 0}`));
    });
    if (child.pid !== undefined) this.own(child.pid);
    this.ended = ended.then((how) => this.onEnd(child, how, Date.now() - startedAt));
    await this.waitUntilReady(child, ended);
    this.startedByHand = false;
    if (this.child === child && this.state === 'starting') this.enter('running');
  }

  private own(pid: number): void {
    const identity = identify(pid);
    if (!identity) return;
    this.owned = { ...identity, name: this.spec.name, stopSignal: this.spec.stopSignal };
    this.listener.started(this.owned);
  }

  private async waitUntilReady(child: ChildProcess, ended: Promise<string>): Promise<void> {
    const { spec } = this;
    let timer: NodeJS.Timeout | undefined;
    let settled = false;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(this.notReady(`was not ready after ${spec.readyMs / 1000} s`));
        if (child.pid !== undefined) signal(-child.pid, 'SIGKILL');
      }, spec.readyMs);
    });
    const gone = ended.then((how) => Promise.reject(this.notReady(`ended while starting (${how})`)));
    const ready = new Promise<void>((resolve) => {
      if (spec.ready === 'ipc') {
        child.on('message', (message) => {
          if ((message as { type?: unknown } | null)?.type === 'ready') resolve();
        });
        return;
      }
      const probe = spec.ready;
      const again = () => {
        if (settled) return;
        probe().then(resolve, () => setTimeout(again, PROBE_MS));
      };
      again();
    });
    try {
      await Promise.race([ready, gone, late]);
    } finally {
      settled = true;
      clearTimeout(timer);
      gone.catch(() => undefined);
    }
  }

  private notReady(what: string): NotReady {
    return new NotReady(`${this.spec.name} ${what}`, this.log.tail(20));
  }

  private onEnd(child: ChildProcess, how: string, livedMs: number): void {
    if (child.pid !== undefined) {
      // Whatever it left behind in its own group goes with it.
      signal(-child.pid, 'SIGKILL');
      this.listener.ended(child.pid);
    }
    this.child = undefined;
    this.owned = undefined;
    this.lastExit = how;
    if (!this.wanted) return;
    if (this.startedByHand) {
      this.wanted = false;
      return this.enter('failed');
    }
    const wait = this.backOff.next(livedMs);
    if (wait === undefined) {
      this.wanted = false;
      this.enter('failed');
      this.listener.notice(`${this.spec.name} KEEPS FAILING (${how}): given up. See ${this.log.path}`);
      this.listener.gaveUp(this.spec.name);
      return;
    }
    this.enter('backing_off');
    this.listener.notice(`${this.spec.name} ended (${how}); starting it again in ${wait / 1000} s`);
    this.timer = setTimeout(() => {
      this.restarts += 1;
      this.launch(false).then(
        () => this.listener.notice(`${this.spec.name} is running again`),
        (error: Error) => this.write(`launcher: ${error.message}`),
      );
    }, wait);
  }

  private enter(state: RuntimeState): void {
    this.state = state;
    this.since = new Date();
  }

  private write(line: string): void {
    this.log.write(line);
    this.listener.line(this.spec.name, line);
  }
}
