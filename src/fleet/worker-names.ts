import { DEFAULT_POOL, MAX_POOL_NAME, POOL_NAME } from '../platform/settings/fleet.settings';
import { RuntimeDriverError } from './runtime-driver';

/** How a worker may be called: it becomes a part of the names of files, and of services of a Swarm. */
export const WORKER_NAME = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;
/** The longest name of a worker, in characters; with that of the stack it must fit into the 63 of a Swarm service. */
export const MAX_WORKER_NAME = 48;

/** What the names of a pool's workers begin with, unless they were given names of their own. */
export function workerPrefix(pool: string): string {
  return pool === DEFAULT_POOL ? 'worker' : `worker-${pool}`;
}

/** The lowest names that are free: the prefix and a number from 1. */
export function freeNames(prefix: string, count: number, taken: ReadonlySet<string>): string[] {
  const names: string[] = [];
  for (let number = 1; names.length < count; number++) {
    const name = `${prefix}-${number}`;
    if (!taken.has(name)) names.push(name);
  }
  return names;
}

/** @throws RuntimeDriverError INVALID if no pool can be called that */
export function checkPool(pool: string): void {
  if (!POOL_NAME.test(pool) || pool.length > MAX_POOL_NAME)
    throw new RuntimeDriverError('INVALID', 'No pool can have this name.');
}

/** @throws RuntimeDriverError INVALID if no worker can be called that, EXISTS if a service is */
export function checkNewName(name: string, taken: ReadonlySet<string>): void {
  if (!WORKER_NAME.test(name) || name.length > MAX_WORKER_NAME)
    throw new RuntimeDriverError('INVALID', 'No worker can have this name.');
  if (taken.has(name)) throw new RuntimeDriverError('EXISTS', `There is a service "${name}" already.`);
}
