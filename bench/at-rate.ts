import { setTimeout as delay } from 'node:timers/promises';
import { clockMs } from './crowd';

/** Something that is to happen; what is of the same lane happens one after the other. */
export interface Due {
  lane: string;
  run: () => Promise<unknown>;
}

/**
 * Open loop: has each begin when it is due, however long others take.
 *
 * @returns how many there were a second, and how late and how long each was, in milliseconds
 */
export async function atRate(
  perS: number,
  all: readonly Due[],
): Promise<{ perS: number; lateMs: number[]; tookMs: number[] }> {
  const lanes = new Map<string, Promise<void>>();
  const lateMs: number[] = [];
  const tookMs: number[] = [];
  const first = clockMs();
  const begin = async (due: number, { run }: Due, before: Promise<void> | undefined): Promise<void> => {
    await before;
    const begun = clockMs();
    lateMs.push(begun - due);
    await run();
    tookMs.push(clockMs() - begun);
  };
  for (const [n, one] of all.entries()) {
    const due = first + (1_000 * n) / perS;
    await delay(Math.max(0, due - clockMs()));
    lanes.set(one.lane, begin(due, one, lanes.get(one.lane)));
  }
  await Promise.all(lanes.values());
  return { perS: (1_000 * all.length) / (clockMs() - first), lateMs, tookMs };
}
