import { setTimeout as delay } from 'node:timers/promises';
import type { Arena } from '../arena/arena';
import type { Random } from '../random';

/** One way to break something. */
export interface Fault {
  kind: string;
  /** Which part of a run is this kind, in proportion to the others. */
  weight: number;
  /**
   * Breaks it, and undoes what does not undo itself. @returns what exactly was done; undefined if there was
   * nothing to break
   */
  strike(arena: Arena, random: Random): Promise<string | undefined>;
}

/** Waits for a random time between these, in milliseconds. @returns how long that was */
export async function pause(random: Random, min: number, max: number): Promise<number> {
  const ms = random.between(min, max);
  await delay(ms);
  return ms;
}
