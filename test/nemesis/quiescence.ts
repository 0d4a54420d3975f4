import { eventually } from '../support/eventually';
import type { Arena } from './arena/arena';
import { readRunning } from './evidence';
import { type History, verdictOf } from './history';
import type { Random } from './random';
import type { Clients } from './workload/clients';

/** How long what was abandoned may take to be closed, in milliseconds: leases of loops and executions, and a sweep. */
const CLOSED_WITHIN_MS = 45_000;
/** How long denials may be held back before they are written, in milliseconds. */
const DENIALS_WITHIN_MS = 12_000;
/** How many orders are asked for once more in the end. */
const ASKED_AGAIN = 1_000;
/** How many are asked for at a time. */
const LANES = 10;

/** Resolves when nothing is under way any more, or has had its time to end: what is left is for the checker to report. */
export async function settle(arena: Arena, history: History): Promise<void> {
  await arena.ready();
  const denials = new Set(history.orders.filter(({ kind }) => kind === 'denial').map(({ key }) => key));
  const denied = history.attempts.filter(
    (one) => denials.has(one.key) && verdictOf(one) === 'refusal',
  ).length;
  const expectations = [
    eventually(
      async () => {
        const running = await readRunning(arena.query);
        if (running.length > 0) throw new Error(`${running.length} executions are running`);
      },
      { timeoutMs: CLOSED_WITHIN_MS, intervalMs: 250 },
    ),
    eventually(
      async () => {
        const [row] = await arena.query<{ n: number }>(
          `SELECT coalesce(sum(count), 0)::int AS n FROM audit_entries WHERE phase = 'denial'`,
        );
        if ((row?.n ?? 0) < denied) throw new Error(`${row?.n} of ${denied} denials are on record`);
      },
      { timeoutMs: DENIALS_WITHIN_MS, intervalMs: 250 },
    ),
  ];
  await Promise.allSettled(expectations);
}

/**
 * Asks once more for what succeeded, at any process: the very same answer must come, and nothing be done. Those that
 * had to be asked for more than once come first, since something had happened to them.
 */
export async function askAgain(clients: Clients, history: History, random: Random): Promise<void> {
  const tries = new Map<string, number>();
  const done = new Set<string>();
  for (const attempt of history.attempts) {
    tries.set(attempt.key, (tries.get(attempt.key) ?? 0) + 1);
    if (verdictOf(attempt) === 'success') done.add(attempt.key);
  }
  const orders = history.orders
    .filter(({ key, keyed }) => keyed && done.has(key))
    .sort((a, b) => (tries.get(b.key) ?? 0) - (tries.get(a.key) ?? 0))
    .slice(0, ASKED_AGAIN);
  const { signal } = new AbortController();
  const lane = async (): Promise<void> => {
    for (let order = orders.pop(); order; order = orders.pop())
      await clients.again(order.client, random, signal).ask(order, random.between(0, 1));
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}
