import { DEFAULT_POOL, type FleetSettings, WorkerPool } from '../../platform/settings/fleet.settings';

/** All pools by name, the one that always exists first. */
export function poolsOf({ pools }: FleetSettings): ReadonlyMap<string, WorkerPool> {
  return new Map([[DEFAULT_POOL, new WorkerPool()], ...Object.entries(pools)]);
}

/**
 * The agents that the workers of a pool serve, in the order of `queues`, each once; none if there is no such pool.
 * What no pool names is done by the pool `default`: an agent that is switched off, or gone, may have steps left.
 *
 * @param queues the agents that have a queue, also those that are gone
 */
export function agentsServed(
  pool: string,
  pools: ReadonlyMap<string, WorkerPool>,
  queues: readonly string[],
): readonly string[] {
  const own = pools.get(pool);
  if (!own) return [];
  if (own.agents === null) return queues;
  const chosen = new Set(own.agents);
  const isLeft = pool === DEFAULT_POOL ? isUnnamed(pools) : () => false;
  return queues.filter((name) => chosen.has(name) || isLeft(name));
}

/** Tells of an agent whether no pool says that it serves it. */
export function isUnnamed(pools: ReadonlyMap<string, WorkerPool>): (agent: string) => boolean {
  const all = [...pools.values()];
  if (all.some(({ agents }) => agents === null)) return () => false;
  const named = new Set(all.flatMap(({ agents }) => agents ?? []));
  return (agent) => !named.has(agent);
}
