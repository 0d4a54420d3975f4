import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { RUNTIME_DRIVER } from '../../../fleet/fleet.module';
import { PoolHolds } from '../../../fleet/pools/pool-holds';
import { wantedIn } from '../../../fleet/pools/pool-plan';
import type { RuntimeDriver, RuntimeService } from '../../../fleet/runtime-driver';
import { freeNames, workerPrefix } from '../../../fleet/worker-names';
import { WorkerRegistry } from '../../../fleet/workers/worker-registry';
import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import { mayStop } from '../../../pipeline/catalogue/stopped-early';
import { AppError } from '../../../platform/errors/app-error';
import type { WorkerPool } from '../../../platform/settings/fleet.settings';
import { RuntimeSettings } from '../../../platform/settings/runtime-settings';
import type { Settings } from '../../../platform/settings/settings';
import { driven } from '../driven';
import { growing, poolIn, sizing } from './pool-changes';
import { PoolEditor } from './pool-editor';

/** How long it waits until all are as they are to be, in milliseconds, and how often it looks. */
const SETTLED_WITHIN_MS = 180_000;
const LOOK_MS = 500;
/** How long it waits for whoever else changes the workers of the pool, in milliseconds. */
const HOLD_WITHIN_MS = 5_000;

/** What scaling came to. */
export interface PoolScaled {
  pool: string;
  /** How many workers it had, and has. */
  from: number;
  to: number;
  /** Their services. */
  workers: string[];
}

/** One more worker. */
export interface WorkerSpawned {
  pool: string;
  /** What the runtime driver calls it. */
  service: string;
  pid: number | null;
  /** How many workers the settings give the pool now; null where they do not say. */
  replicas: number | null;
}

/** What the operation keeps. */
interface Kept {
  from: number;
  to: number;
  saved: boolean;
}

/** What starting one more keeps. */
interface KeptSpawn {
  /** Chosen before it is started: whoever does that again finds it, and starts no other. */
  service: string;
  /** Once it has been started, and counted in the settings. */
  spawned?: WorkerSpawned;
}

/** Gives pools more workers or fewer. The settings say how many; the loop `pool-keeper` sees to it. */
@Injectable()
export class PoolScaling {
  constructor(
    @Inject(RUNTIME_DRIVER) private readonly runtime: RuntimeDriver | null,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
    @Inject(WorkerRegistry) private readonly registry: WorkerRegistry,
    @Inject(PoolHolds) private readonly holds: PoolHolds,
    @Inject(PoolEditor) private readonly editor: PoolEditor,
  ) {}

  /**
   * Gives a pool so many more workers, or fewer if `by` is below 0; resolves when all are ready.
   *
   * @throws AppError POOL_NOT_FOUND, POOL_LIMIT_REACHED, SERVICE_NOT_MANAGED, RUNTIME_UNAVAILABLE; CONFLICT if somebody scaled it again
   * @throws StoppedEarly while it waits for them
   */
  async scale(pool: string, by: number, context: ActionContext): Promise<PoolScaled> {
    const kept = context.checkpoint.resume<Kept>() ?? (await this.begin(pool, by, context));
    const { from, to } = kept;
    if (!kept.saved)
      await this.editor.save(pool, sizing(pool, to), context, (): Kept => ({ from, to, saved: true }));
    return { pool, from, to, workers: await this.settled(pool, to, context) };
  }

  /**
   * Starts one more worker, and answers when it is ready. Done again by the same execution, it is the same worker.
   *
   * @param name what it is to be called; the next number of the pool if not given
   * @throws AppError POOL_NOT_FOUND, POOL_LIMIT_REACHED, WORKER_EXISTS, SERVICE_NOT_MANAGED, RUNTIME_UNAVAILABLE
   */
  async spawn(pool: string, name: string | undefined, context: ActionContext): Promise<WorkerSpawned> {
    const held = await this.holds.during(pool, HOLD_WITHIN_MS, async () => {
      const kept = context.checkpoint.resume<KeptSpawn>();
      if (kept?.spawned) return kept.spawned;
      const services = await this.driven((driver) => driver.list());
      const there = services.some((one) => one.name === kept?.service && one.pool === pool);
      if (!there) this.refuseOneMore(pool, services);
      const service = kept?.service ?? (await this.choose(pool, name, services, context));
      const made = await this.driven((driver) =>
        there ? driver.start(service) : driver.addWorker(pool, service),
      );
      return this.count(pool, made, context);
    });
    if (!held) throw new AppError('CONFLICT', 'Somebody else is at the workers of the pool.');
    return held.result;
  }

  private refuseOneMore(pool: string, services: readonly RuntimeService[]): void {
    const present = services.filter((service) => service.pool === pool).length;
    refuseBeyond(poolIn(this.settings.current(), pool), present + 1);
  }

  /** What the new worker is called, kept before there is one. */
  private async choose(
    pool: string,
    name: string | undefined,
    services: readonly RuntimeService[],
    context: ActionContext,
  ): Promise<string> {
    const taken = new Set(services.map((service) => service.name));
    if (name !== undefined && taken.has(name))
      throw new AppError('WORKER_EXISTS', `There is a service "${name}" already.`);
    const [free = ''] = freeNames(workerPrefix(pool), 1, taken);
    const kept: KeptSpawn = { service: name ?? free };
    await context.checkpoint.save(kept);
    return kept.service;
  }

  /** Has the settings say one more, where they say how many. */
  private async count(
    pool: string,
    { name: service, pid }: RuntimeService,
    context: ActionContext,
  ): Promise<WorkerSpawned> {
    const spawned = { pool, service, pid };
    const keep = (settings: Settings) => {
      const { replicas } = poolIn(settings, pool);
      return { service, spawned: { ...spawned, replicas } } satisfies KeptSpawn;
    };
    const current = this.settings.current();
    if (poolIn(current, pool).replicas !== null)
      return (await this.editor.save(pool, growing(pool), context, ({ settings }) => keep(settings))).spawned;
    const kept = keep(current);
    await context.checkpoint.save(kept);
    return kept.spawned;
  }

  private async begin(pool: string, by: number, context: ActionContext): Promise<Kept> {
    const given = poolIn(this.settings.current(), pool);
    const from = wantedIn(given, (await this.services(pool)).length);
    refuseBeyond(given, from + by);
    const kept = { from, to: from + by, saved: false };
    await context.checkpoint.save(kept);
    return kept;
  }

  /** The services of the pool, when each that is to run gives signs of life. */
  private async settled(pool: string, to: number, context: ActionContext): Promise<string[]> {
    const until = performance.now() + SETTLED_WITHIN_MS;
    for (;;) {
      if (poolIn(this.settings.current(), pool).replicas !== to)
        throw new AppError('CONFLICT', 'The number of workers of the pool was changed again meanwhile.');
      const services = await this.services(pool);
      const failed = services.find(({ state }) => state === 'failed');
      if (failed && services.length <= to)
        throw new AppError('RUNTIME_UNAVAILABLE', `${failed.name} does not come up; see its log.`);
      const alive = new Set((await this.registry.list()).map(({ service }) => service));
      const ready = services.filter(
        ({ name, state }) => state === 'stopped' || (state === 'running' && alive.has(name)),
      );
      context.progress({ done: Math.min(ready.length, to), total: to });
      if (ready.length === to && services.length === to) return services.map(({ name }) => name);
      mayStop(context.signal, () => ({ done: ready.length, not_done: Math.abs(to - ready.length) }));
      if (performance.now() > until)
        throw new AppError('RUNTIME_UNAVAILABLE', `Only ${ready.length} of ${to} workers are ready.`);
      await delay(LOOK_MS);
    }
  }

  private driven<T>(work: (driver: RuntimeDriver) => Promise<T>): Promise<T> {
    return driven(this.runtime, work);
  }

  private async services(pool: string): Promise<RuntimeService[]> {
    const services = await this.driven((driver) => driver.list());
    return services.filter((service) => service.role === 'worker' && service.pool === pool);
  }
}

function refuseBeyond({ min, max }: WorkerPool, wanted: number): void {
  if (wanted >= min && wanted <= max) return;
  throw new AppError(
    'POOL_LIMIT_REACHED',
    `It would have ${wanted} workers; it may have from ${min} to ${max}.`,
  );
}
