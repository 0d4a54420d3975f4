import type { PoolHolds } from '../../fleet/pools/pool-holds';
import type { RuntimeDriver, RuntimeService, ScaleScope } from '../../fleet/runtime-driver';
import type { WorkerInfo, WorkerRegistry } from '../../fleet/workers/worker-registry';
import type { RuntimeSettings } from '../../platform/settings/runtime-settings';
import { Settings } from '../../platform/settings/settings';
import { type RestartState, RollingRestart } from './rolling-restart';

/** Workers as a driver and the registry have them; each restart makes a new one after a moment without it. */
class Fleet {
  readonly log: string[] = [];
  /** The fewest that were alive at any time, by pool. */
  readonly least: Record<string, number> = {};
  broken = new Set<string>();
  /** The pools that somebody holds. */
  readonly held: string[] = [];
  private readonly alive = new Map<string, { start: number; pool: string }>();
  private starts = 0;

  constructor(names: readonly string[]) {
    for (const name of names) this.up(name, /^worker-(?:(\w+)-)?\d+$/.exec(name)?.[1] ?? 'default');
  }

  readonly registry = {
    list: () => Promise.resolve([...this.alive.keys()].map((name) => this.info(name))),
  } as unknown as WorkerRegistry;

  readonly driver = {
    list: () => Promise.resolve([...this.alive.keys()].map((name) => this.service(name))),
    start: (name: string) => Promise.resolve(this.service(name)),
    restart: (name: string) => {
      this.log.push(`restart ${name}`);
      const { pool } = this.of(name);
      this.down(name);
      if (!this.broken.has(name)) this.up(name, pool);
      return Promise.resolve();
    },
    addWorker: (pool: string, name: string) => {
      this.log.push(`add ${name}`);
      this.up(name, pool);
      return Promise.resolve(this.service(name));
    },
    scale: (_role: string, replicas: number, { pool, first = [] }: ScaleScope) => {
      this.log.push(`scale ${pool} ${replicas}`);
      for (const name of first) if (this.count(pool) > replicas) this.down(name);
      return Promise.resolve({ role: 'worker', replicas, previous: replicas });
    },
  } as unknown as RuntimeDriver;

  readonly holds = {
    during: async (pool: string, _waitMs: number, work: () => Promise<void>) => {
      this.held.push(pool);
      return { result: await work() };
    },
  } as unknown as PoolHolds;

  private up(name: string, pool: string) {
    this.alive.set(name, { start: (this.starts += 1), pool });
  }

  private down(name: string) {
    const { pool } = this.of(name);
    this.alive.delete(name);
    this.least[pool] = Math.min(this.least[pool] ?? Infinity, this.count(pool));
  }

  private count(pool: string | undefined): number {
    return [...this.alive.values()].filter((one) => one.pool === pool).length;
  }

  private of(name: string) {
    return this.alive.get(name) ?? { start: 0, pool: '' };
  }

  private service = (name: string) =>
    ({ name, role: 'worker', pool: this.of(name).pool, state: 'running', since: 'x' }) as RuntimeService;
  private info = (name: string) =>
    ({
      service: name,
      worker_id: `${name}-${this.of(name).start}`,
      started_at: 'x',
      pool: this.of(name).pool,
      draining: false,
    }) as WorkerInfo;
}

const fresh = (...targets: string[]): RestartState => ({ targets, restarted: [], stand_ins: [] });
const settings = { current: () => new Settings() } as RuntimeSettings;
const restartOf = (fleet: Fleet, driver: RuntimeDriver | null = fleet.driver) =>
  new RollingRestart(driver, fleet.registry, fleet.holds, settings);
const run = (fleet: Fleet, begun: RestartState, signal = new AbortController().signal) => {
  const saved: RestartState[] = [];
  const done = restartOf(fleet).run(begun, {
    signal,
    save: (state) => {
      saved.push(state);
      return Promise.resolve();
    },
    progress: () => undefined,
  });
  return { saved, done };
};

describe('a rolling restart', () => {
  it('restarts one after the other, and at no moment are all of them down', async () => {
    const fleet = new Fleet(['worker-1', 'worker-2', 'worker-3']);
    const { saved, done } = run(fleet, fresh('worker-1', 'worker-2', 'worker-3'));
    expect((await done).restarted).toEqual(['worker-1', 'worker-2', 'worker-3']);
    expect(fleet.log).toEqual(['restart worker-1', 'restart worker-2', 'restart worker-3']);
    expect(fleet.least).toEqual({ default: 2 });
    expect(fleet.held).toEqual(['default']);
    expect(saved.map(({ restarted }) => restarted.length)).toEqual([1, 2, 3]);
  });

  it('lets another worker stand in for the only one, and takes it away afterwards', async () => {
    const fleet = new Fleet(['worker-1']);
    const { done } = run(fleet, fresh('worker-1'));
    expect(await done).toMatchObject({ restarted: ['worker-1'], stand_ins: ['default'] });
    expect(fleet.log).toEqual(['add worker-stand-in', 'restart worker-1', 'scale default 1']);
    expect(fleet.least).toEqual({ default: 1 });
  });

  it('lets no pool stand in for another', async () => {
    const fleet = new Fleet(['worker-1', 'worker-gpu-1', 'worker-2']);
    await run(fleet, fresh('worker-1', 'worker-gpu-1', 'worker-2')).done;
    expect(fleet.log).toEqual([
      'restart worker-1',
      'restart worker-2',
      'add worker-gpu-stand-in',
      'restart worker-gpu-1',
      'scale gpu 1',
    ]);
    expect(fleet.least).toEqual({ default: 1, gpu: 1 });
    expect(fleet.held).toEqual(['default', 'gpu']);
  });

  it('goes on where another process was, with the stand-in that it left', async () => {
    const fleet = new Fleet(['worker-1']);
    await fleet.driver.addWorker('default', 'worker-stand-in');
    await run(fleet, { targets: ['worker-1'], restarted: [], stand_ins: ['default'] }).done;
    expect(fleet.log).toEqual(['add worker-stand-in', 'restart worker-1', 'scale default 1']);
    const again = new Fleet(['worker-1', 'worker-2']);
    await run(again, { targets: ['worker-1', 'worker-2'], restarted: ['worker-1'], stand_ins: [] }).done;
    expect(again.log).toEqual(['restart worker-2']);
  });

  it('stops between two when it is asked to, and says what is left', async () => {
    const fleet = new Fleet(['worker-1', 'worker-2']);
    const stop = AbortSignal.abort();
    await expect(run(fleet, fresh('worker-1', 'worker-2'), stop).done).rejects.toMatchObject({
      report: { done: 0, not_done: 2 },
    });
    expect(fleet.log).toEqual([]);
  });

  it('stops at the first that does not come back', async () => {
    const fleet = new Fleet(['worker-1', 'worker-2']);
    fleet.broken.add('worker-1');
    const stop = new AbortController();
    const { done } = run(fleet, fresh('worker-1', 'worker-2'), stop.signal);
    setTimeout(() => stop.abort(), 50);
    await expect(done).rejects.toMatchObject({ code: 'RUNTIME_UNAVAILABLE' });
    expect(fleet.log).toEqual(['restart worker-1']);
  });

  it('needs something that starts and stops processes', async () => {
    const without = restartOf(new Fleet([]), null);
    await expect(without.targets()).rejects.toMatchObject({ code: 'SERVICE_NOT_MANAGED' });
  });

  it('knows the pools of the settings, and of the workers that there are', async () => {
    const restart = restartOf(new Fleet(['worker-gpu-1']));
    expect(await restart.targets('default')).toEqual([]);
    expect((await restart.targets('gpu')).map(({ name }) => name)).toEqual(['worker-gpu-1']);
    await expect(restart.targets('cpu')).rejects.toMatchObject({ code: 'POOL_NOT_FOUND' });
  });
});
