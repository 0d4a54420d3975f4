import type { RuntimeDriver, RuntimeService } from '../../fleet/runtime-driver';
import type { WorkerInfo, WorkerRegistry } from '../../fleet/workers/worker-registry';
import { type RestartState, RollingRestart } from './rolling-restart';

/** Workers as a driver and the registry have them; each restart makes a new one after a moment without it. */
class Fleet {
  readonly log: string[] = [];
  /** The fewest that were alive at any time. */
  least = Infinity;
  broken = new Set<string>();
  private alive = new Map<string, number>();
  private starts = 0;

  constructor(names: readonly string[]) {
    for (const name of names) this.up(name);
  }

  readonly registry = {
    list: () => Promise.resolve([...this.alive].map(([name, start]) => this.info(name, start))),
  } as unknown as WorkerRegistry;

  readonly driver = {
    list: () => Promise.resolve([...this.alive.keys()].map((name) => this.service(name))),
    restart: (name: string) => {
      this.log.push(`restart ${name}`);
      this.down(name);
      if (!this.broken.has(name)) this.up(name);
      return Promise.resolve(this.service(name));
    },
    scale: (_role: string, replicas: number) => {
      this.log.push(`scale ${replicas}`);
      while (this.alive.size < replicas) this.up(`worker-${this.alive.size + 1}`);
      while (this.alive.size > replicas) this.down([...this.alive.keys()].at(-1) ?? '');
      return Promise.resolve({ role: 'worker', replicas, previous: replicas });
    },
  } as unknown as RuntimeDriver;

  private up(name: string) {
    this.alive.set(name, (this.starts += 1));
  }

  private down(name: string) {
    this.alive.delete(name);
    this.least = Math.min(this.least, this.alive.size);
  }

  private service = (name: string) =>
    ({ name, role: 'worker', state: 'running', since: 'x' }) as RuntimeService;
  private info = (name: string, start: number) =>
    ({
      service: name,
      worker_id: `${name}-${start}`,
      started_at: 'x',
      pool: 'default',
      draining: false,
    }) as WorkerInfo;
}

const fresh = (...targets: string[]): RestartState => ({ targets, restarted: [], replicas: null });
const run = (fleet: Fleet, begun: RestartState, signal = new AbortController().signal) => {
  const saved: RestartState[] = [];
  const done = new RollingRestart(fleet.driver, fleet.registry).run(begun, {
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
    expect(fleet.least).toBe(2);
    expect(saved.map(({ restarted }) => restarted.length)).toEqual([1, 2, 3]);
  });

  it('lets another worker stand in for the only one, and takes it away afterwards', async () => {
    const fleet = new Fleet(['worker-1']);
    const { done } = run(fleet, fresh('worker-1'));
    expect(await done).toMatchObject({ restarted: ['worker-1'], replicas: 1 });
    expect(fleet.log).toEqual(['scale 2', 'restart worker-1', 'scale 1']);
    expect(fleet.least).toBe(1);
  });

  it('goes on where another process was, with the stand-in that it left', async () => {
    const fleet = new Fleet(['worker-1', 'worker-2']);
    await run(fleet, { targets: ['worker-1'], restarted: [], replicas: 1 }).done;
    expect(fleet.log).toEqual(['restart worker-1', 'scale 1']);
    const again = new Fleet(['worker-1', 'worker-2']);
    await run(again, { targets: ['worker-1', 'worker-2'], restarted: ['worker-1'], replicas: null }).done;
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
    const without = new RollingRestart(null, new Fleet([]).registry);
    await expect(without.targets()).rejects.toMatchObject({ code: 'RUNTIME_UNAVAILABLE' });
  });

  it('knows the pools of the workers that are alive', async () => {
    const fleet = new Fleet(['worker-1']);
    const restart = new RollingRestart(fleet.driver, fleet.registry);
    expect((await restart.targets('default')).map(({ name }) => name)).toEqual(['worker-1']);
    await expect(restart.targets('gpu')).rejects.toMatchObject({ code: 'POOL_NOT_FOUND' });
  });
});
