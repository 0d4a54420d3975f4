import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { RUNTIME_DRIVER } from '../../fleet/fleet.module';
import { type RuntimeDriver, RuntimeDriverError, type RuntimeService } from '../../fleet/runtime-driver';
import { type WorkerInfo, WorkerRegistry } from '../../fleet/workers/worker-registry';
import { mayStop } from '../../pipeline/catalogue/stopped-early';
import { AppError } from '../../platform/errors/app-error';

/** How long a worker may take until it gives a sign of life, in milliseconds, and how often that is looked for. */
const ALIVE_WITHIN_MS = 60_000;
const LOOK_MS = 250;

/** How far a rolling restart is, for whoever goes on with it. */
export interface RestartState {
  /** All that are to be restarted, in their order. */
  readonly targets: readonly string[];
  readonly restarted: readonly string[];
  /** How many workers there were before one was added to stand in for the only one; null if none was. */
  readonly replicas: number | null;
}

/** What a restart is told about, and asked by. */
export interface RestartRun {
  readonly signal: AbortSignal;
  save(state: RestartState): Promise<void>;
  progress(progress: { done: number; total: number; message?: string }): void;
}

/** Restarts workers one after the other: each only when another one is there to take steps. */
@Injectable()
export class RollingRestart {
  constructor(
    @Inject(RUNTIME_DRIVER) private readonly runtime: RuntimeDriver | null,
    @Inject(WorkerRegistry) private readonly registry: WorkerRegistry,
  ) {}

  /**
   * The workers that run, of a pool if one is given. A worker that was stopped stays so.
   *
   * @throws AppError RUNTIME_UNAVAILABLE, POOL_NOT_FOUND
   */
  async targets(pool?: string): Promise<RuntimeService[]> {
    const [services, workers] = await Promise.all([
      this.driven((driver) => driver.list()),
      this.registry.list(),
    ]);
    const running = services.filter(({ role, state }) => role === 'worker' && state !== 'stopped');
    if (pool === undefined) return running;
    const ofPool = workers.filter((worker) => worker.pool === pool).map(({ service }) => service);
    if (ofPool.length === 0) throw new AppError('POOL_NOT_FOUND');
    return running.filter(({ name }) => ofPool.includes(name));
  }

  /**
   * Restarts what is left of `state`.
   *
   * @throws AppError RUNTIME_UNAVAILABLE if one does not come back, before any other is touched
   * @throws StoppedEarly between two of them
   */
  async run(begun: RestartState, run: RestartRun): Promise<RestartState> {
    let state = begun;
    const keep = async (next: RestartState) => {
      state = next;
      await run.save(next);
    };
    const total = state.targets.length;
    if (total === 1 && state.restarted.length === 0 && state.replicas === null)
      await keep({ ...state, replicas: await this.addStandIn(run.signal) });
    for (const name of state.targets.filter((target) => !state.restarted.includes(target))) {
      mayStop(run.signal, () => ({ done: state.restarted.length, not_done: total - state.restarted.length }));
      run.progress({ done: state.restarted.length, total, message: `Restarting ${name}` });
      await this.restart(name, run.signal);
      await keep({ ...state, restarted: [...state.restarted, name] });
    }
    if (state.replicas !== null) await this.scale(state.replicas);
    run.progress({ done: total, total });
    return state;
  }

  /** With a single worker there would be none while it restarts. @returns how many there were */
  private async addStandIn(signal: AbortSignal): Promise<number> {
    const before = await this.registry.list();
    const known = new Set(before.map(({ worker_id }) => worker_id));
    const workers = (await this.driven((driver) => driver.list())).filter(({ role }) => role === 'worker');
    await this.scale(workers.length + 1);
    await this.alive(({ worker_id }) => !known.has(worker_id), 'The worker that was to stand in', signal);
    return workers.length;
  }

  private async restart(name: string, signal: AbortSignal): Promise<void> {
    await this.alive(({ service, draining }) => service !== name && !draining, 'Another worker', signal);
    const before = (await this.registry.list()).filter(({ service }) => service === name);
    const old = new Set(before.map(({ worker_id, started_at }) => `${worker_id} ${started_at}`));
    await this.driven((driver) => driver.restart(name));
    await this.alive(
      ({ service, worker_id, started_at }) => service === name && !old.has(`${worker_id} ${started_at}`),
      name,
      signal,
    );
  }

  private async alive(
    wanted: (worker: WorkerInfo) => boolean,
    who: string,
    signal: AbortSignal,
  ): Promise<void> {
    const until = performance.now() + ALIVE_WITHIN_MS;
    while (!(await this.registry.list()).some(wanted)) {
      if (performance.now() > until || signal.aborted)
        throw new AppError(
          'RUNTIME_UNAVAILABLE',
          `${who} gives no sign of life, so nothing more was restarted.`,
        );
      await delay(LOOK_MS);
    }
  }

  private async scale(replicas: number): Promise<void> {
    await this.driven((driver) => driver.scale('worker', replicas));
  }

  private async driven<T>(work: (driver: RuntimeDriver) => Promise<T>): Promise<T> {
    if (!this.runtime) throw new AppError('RUNTIME_UNAVAILABLE', 'Nothing starts and stops processes here.');
    try {
      return await work(this.runtime);
    } catch (error) {
      if (!(error instanceof RuntimeDriverError)) throw error;
      throw new AppError('RUNTIME_UNAVAILABLE', error.message, { cause: error });
    }
  }
}
