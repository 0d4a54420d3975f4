import { setTimeout as delay } from 'node:timers/promises';
import { sqlState } from '../../platform/postgres/pg-errors';

/** Classes of SQLSTATE that trying again does not mend: bad data, broken constraints, wrong SQL. */
const HOPELESS = new Set(['22', '23', '42']);

/** Whether Postgres refused what was written, as opposed to being away or busy. */
export function isRefused(error: unknown): boolean {
  const state = sqlState(error);
  return state !== undefined && HOPELESS.has(state.slice(0, 2));
}

/**
 * Tries a write to Postgres again while it is away, up to `forMs` milliseconds.
 *
 * @throws the last error, or at once what Postgres refuses
 */
export async function persist<T>(write: () => Promise<T>, forMs: number): Promise<T> {
  const deadline = performance.now() + forMs;
  for (let wait = 100; ; wait = Math.min(2 * wait, 2_000)) {
    try {
      return await write();
    } catch (error) {
      if (isRefused(error) || performance.now() + wait > deadline) throw error;
    }
    await delay(wait);
  }
}
