import { unavailableServer } from './unavailable';

/**
 * Deals with one after the other until the signal says otherwise. One that fails keeps nobody from their turn, so that
 * a file which cannot be removed does not keep a thousand others; but when a server is away, the rest has to wait too.
 *
 * @param work answers how much that was
 * @returns the sum
 * @throws the first failure, when all have had their turn
 */
export async function eachInTurn<T>(
  items: Iterable<T>,
  signal: AbortSignal,
  work: (item: T) => Promise<number>,
): Promise<number> {
  let sum = 0;
  const failures: unknown[] = [];
  for (const item of items) {
    if (signal.aborted) break;
    try {
      sum += await work(item);
    } catch (error) {
      if (unavailableServer(error)) throw error;
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return sum;
}
