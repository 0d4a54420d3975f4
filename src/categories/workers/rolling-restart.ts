import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { RUNTIME_DRIVER } from '../../fleet/fleet.module';
import { PoolHolds } from '../../fleet/pools/pool-holds';
import { poolsOf } from '../../fleet/pools/pools';
import type { RuntimeDriver, RuntimeService } from '../../fleet/runtime-driver';
import { workerPrefix } from '../../fleet/worker-names';
import { type WorkerInfo, WorkerRegistry } from '../../fleet/workers/worker-registry';
import { mayStop } from '../../pipeline/catalogue/stopped-early';
import { AppError } from '../../platform/errors/app-error';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';
import { driven } from './driven';

/** How long a worker may take until it gives a sign of life, in milliseconds, and how often that is looked for. */
const ALIVE_WITHIN_MS = 60_000;
const LOOK_MS = 250;
/** How long it waits for whoever else changes the workers of a pool, in milliseconds. */
const HOLD_WITHIN_MS = 120_000;

/** How far a rolling restart is, for whoever goes on with it. */
export interface RestartState {
  /** All that are to be restarted, in their order. */
  readonly targets: readonly string[];
  readonly restarted: readonly string[];
  /** The pools in which another worker was added to stand in for the only one. */
  readonly stand_ins: readonly string[];
}

/** What a restart is told about, and asked by. */
export interface RestartRun {
  readonly signal: AbortSignal;
  save(state: RestartState): Promise<void>;
  progress(progress: { done: number; total: number; message?: string }): void;
}

/** Restarts workers one after the other: each only when another one of its pool is there to take steps. */
@Injectable()
export class RollingRestart {
  constructor(
    @Inject(RUNTIME_DRIVER) private readonly runtime: RuntimeDriver | null,
    @Inject(WorkerRegistry) private readonly registry: WorkerRegistry,
    @Inject(PoolHolds) private readonly holds: PoolHolds,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
  ) {}

  /**
   * The workers that run, of a pool if one is given. A worker that was stopped stays so.
   *
   * @throws AppError SERVICE_NOT_MANAGED, RUNTIME_UNAVAILABLE, POOL_NOT_FOUND
   */
  async targets(pool?: string): Promise<RuntimeService[]> {
    const workers = await this.workers(pool);
    const isKnown = pool === undefined || poolsOf(this.settings.current().fleet).has(pool);
    if (!isKnown && workers.length === 0) throw new AppError('POOL_NOT_FOUND');
    return workers.filter(({ state }) => state !== 'stopped');
  }

  /**
   * Restarts what is left of `state`, pool by pool.
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
    const pools = new Map((await this.workers()).map(({ name, pool }) => [name, pool ?? '']));
    for (const pool of new Set(state.targets.map((name) => pools.get(name) ?? ''))) {
      await this.holding(pool, async () => {
        const ofPool = state.targets.filter((name) => (pools.get(name) ?? '') === pool);
        const left = ofPool.filter((name) => !state.restarted.includes(name));
        if (left.length > 0 && !state.stand_ins.includes(pool) && (await this.isAlone(pool))) {
          await keep({ ...state, stand_ins: [...state.stand_ins, pool] });
        }
        if (left.length > 0 && state.stand_ins.includes(pool)) await this.addStandIn(pool, run.signal);
        for (const name of left) {
          const done = state.restarted.length;
          mayStop(run.signal, () => ({ done, not_done: total - done }));
          run.progress({ done, total, message: `Restarting ${name}` });
          await this.restart(name, pool, run.signal);
          await keep({ ...state, restarted: [...state.restarted, name] });
        }
        if (state.stand_ins.includes(pool)) await this.removeStandIn(pool);
      });
    }
    run.progress({ done: total, total });
    return state;
  }

  /** While it is at the workers of a pool, nobody else may change which there are. */
  private async holding(pool: string, work: () => Promise<void>): Promise<void> {
    if (!(await this.holds.during(pool, HOLD_WITHIN_MS, work)))
      throw new AppError('RUNTIME_UNAVAILABLE', `Somebody else is at the workers of the pool ${pool}.`);
  }

  private async isAlone(pool: string): Promise<boolean> {
    const others = await this.registry.list();
    return others.filter((worker) => worker.pool === pool && !worker.draining).length <= 1;
  }

  /** With a single worker there would be none while it restarts. */
  private async addStandIn(pool: string, signal: AbortSignal): Promise<void> {
    const name = standInOf(pool);
    await this.driven(async (driver) => {
      const isThere = (await this.workers(pool)).some((service) => service.name === name);
      return isThere ? driver.start(name) : driver.addWorker(pool, name);
    });
    await this.alive(({ service }) => service === name, 'The worker that was to stand in', signal);
  }

  private async removeStandIn(pool: string): Promise<void> {
    const names = (await this.workers(pool)).map(({ name }) => name);
    const name = standInOf(pool);
    if (!names.includes(name)) return;
    await this.driven((driver) => driver.scale('worker', names.length - 1, { pool, first: [name] }));
  }

  private async restart(name: string, pool: string, signal: AbortSignal): Promise<void> {
    const another = (worker: WorkerInfo) =>
      worker.pool === pool && worker.service !== name && !worker.draining;
    await this.alive(another, 'Another worker', signal);
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

  private async workers(pool?: string): Promise<RuntimeService[]> {
    const services = await this.driven((driver) => driver.list());
    return services.filter((one) => one.role === 'worker' && (pool === undefined || one.pool === pool));
  }

  private driven<T>(work: (driver: RuntimeDriver) => Promise<T>): Promise<T> {
    return driven(this.runtime, work);
  }
}

function standInOf(pool: string): string {
  return `${workerPrefix(pool)}-stand-in`;
}
