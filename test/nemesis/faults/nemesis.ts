import { setTimeout as delay } from 'node:timers/promises';
import type { Arena } from '../arena/arena';
import type { FaultRecord } from '../history';
import type { Random } from '../random';
import type { Fault } from './fault';
import { PROCESS_FAULTS } from './processes';
import { SERVER_FAULTS } from './servers';

/** All that the nemesis can do. */
export const FAULTS: readonly Fault[] = [...PROCESS_FAULTS, ...SERVER_FAULTS];

/** Between the end of a fault and the next one, in milliseconds: sometimes there is no time to recover. */
const CALM_MS = { min: 200, max: 4_000 };

/** Yields what to do next, for ever: at random. */
export function* atRandom(random: Random): Generator<Fault> {
  for (;;) yield random.pickWeighted(FAULTS.map((fault) => [fault.weight, fault] as const));
}

/** Each kind once, in an order that the seed says. */
export function eachOnce(random: Random): Fault[] {
  const left = [...FAULTS];
  const order: Fault[] = [];
  while (left.length > 0) order.push(...left.splice(random.between(0, left.length - 1), 1));
  return order;
}

/** Breaks one thing after the other until told to stop, or nothing is left to break. Takes down each. */
export async function storm(
  arena: Arena,
  faults: Iterable<Fault>,
  { random, records, until }: { random: Random; records: FaultRecord[]; until: AbortSignal },
): Promise<void> {
  for (const fault of faults) {
    await delay(random.between(CALM_MS.min, CALM_MS.max), undefined, { signal: until }).catch(
      () => undefined, // only the signal ends it early
    );
    if (until.aborted) return;
    const at = Date.now();
    const detail = await fault.strike(arena, random);
    if (detail !== undefined) records.push({ kind: fault.kind, detail, at, undoneAt: Date.now() });
  }
}
