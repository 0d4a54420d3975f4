import { poolsOf } from '../../../fleet/pools/pools';
import type { AgentGraph } from '../../../media/flow/agent-registry';
import { AppError } from '../../../platform/errors/app-error';
import type { WorkerPool } from '../../../platform/settings/fleet.settings';
import type { Patch } from '../../../platform/settings/patch';
import type { SettingsChange } from '../../../platform/settings/runtime-settings';
import type { Settings } from '../../../platform/settings/settings';

/** How graphs are made. */
interface Graphs {
  graphOf(settings: Settings): Pick<AgentGraph, 'ids'>;
}

/** A pool to be made. */
export type NewPool = Pick<WorkerPool, 'min' | 'max'> & {
  name: string;
  agents: string[];
  concurrency: number;
  replicas: number;
};

/** What is to be different of a pool. */
export interface PoolChange {
  agents?: string[];
  concurrency?: number;
  min?: number;
  max?: number;
}

/** The pool as settings have it. @throws AppError POOL_NOT_FOUND */
export function poolIn(settings: Settings, name: string): WorkerPool {
  const pool = poolsOf(settings.fleet).get(name);
  if (!pool) throw new AppError('POOL_NOT_FOUND');
  return pool;
}

/** Makes a pool. The change throws POOL_EXISTS, AGENT_NOT_FOUND. */
export function creation(graphs: Graphs, { name, ...pool }: NewPool): SettingsChange {
  return (settings) => {
    if (poolsOf(settings.fleet).has(name)) throw new AppError('POOL_EXISTS');
    const { ids } = graphs.graphOf(settings);
    const unknown = pool.agents.filter((agent) => !ids.includes(agent));
    if (unknown.length > 0) throw new AppError('AGENT_NOT_FOUND', `There is no agent ${unknown.join(', ')}.`);
    return patchOf(name, pool);
  };
}

/** Changes what is given; a number of workers that was set keeps within new bounds. The change throws POOL_NOT_FOUND. */
export function configuration(name: string, change: PoolChange): SettingsChange {
  return (settings) => {
    const { replicas, ...bounds } = poolIn(settings, name);
    const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
    const { min, max } = { ...bounds, ...given };
    const kept = replicas === null ? {} : { replicas: Math.min(max, Math.max(min, replicas)) };
    return patchOf(name, { ...given, ...kept });
  };
}

/** Sets how many workers the pool has. The change throws POOL_NOT_FOUND. */
export function sizing(name: string, replicas: number): SettingsChange {
  return (settings) => {
    poolIn(settings, name);
    return patchOf(name, { replicas });
  };
}

/** Gives the pool one worker more than it has by the settings, which say how many. The change throws POOL_NOT_FOUND. */
export function growing(name: string): SettingsChange {
  return (settings) => {
    const { replicas, max } = poolIn(settings, name);
    return replicas === null ? {} : patchOf(name, { replicas: Math.min(max, replicas + 1) });
  };
}

function patchOf(name: string, pool: Partial<WorkerPool>): Patch<Settings> {
  return { fleet: { pools: { [name]: pool } } };
}
