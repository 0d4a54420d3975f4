import type { WorkerPool } from '../../platform/settings/fleet.settings';
import type { RuntimeService, RuntimeState } from '../runtime-driver';
import type { WorkerInfo } from '../workers/worker-registry';

/** What is to be done about the number of workers in a pool. */
export interface PoolPlan {
  replicas: number;
  /** The services that go first if there are to be fewer, the idlest first. */
  first: readonly string[];
}

/** Those that do nothing go before those that are about to do something. */
const BUSY: Record<RuntimeState, number> = {
  stopped: 0,
  failed: 0,
  stopping: 1,
  backing_off: 1,
  starting: 1,
  running: 2,
};

/**
 * How many workers a pool is to have: as many as its settings say, else as many as it has, within its bounds; none
 * where the settings do not know it. One that was stopped, or that keeps failing, counts as one of them: somebody
 * wanted that, or has to see to it, and another in its place would be no help.
 */
export function wantedIn(pool: WorkerPool | undefined, present: number): number {
  if (!pool) return 0;
  return Math.min(pool.max, Math.max(pool.min, pool.replicas ?? present));
}

/**
 * How a pool gets to the number that it is to have.
 *
 * @param services those of the pool, oldest first
 * @param workers what those that are alive tell of themselves
 */
export function planPool(
  pool: WorkerPool | undefined,
  services: readonly RuntimeService[],
  workers: readonly WorkerInfo[],
): PoolPlan {
  const replicas = wantedIn(pool, services.length);
  const alive = new Map(workers.map((worker) => [worker.service, worker]));
  const ranked = services.map((service, age) => {
    const worker = alive.get(service.name);
    const steps = worker?.active_steps.length ?? 0;
    return { name: service.name, keys: [BUSY[service.state], worker?.draining ? 0 : 1, steps, -age] };
  });
  ranked.sort((a, b) => compare(a.keys, b.keys));
  return { replicas, first: ranked.map(({ name }) => name) };
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}
