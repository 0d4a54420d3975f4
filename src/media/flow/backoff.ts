import { randomInt } from 'node:crypto';

/** The wait after the first failure, in milliseconds. */
const FIRST_MS = 2_000;
const LONGEST_MS = 120_000;

/**
 * How long to wait before trying again after `failures` failures (1 or more), in milliseconds: doubling, and
 * spread over half of it, so that steps that failed together do not come back together.
 *
 * @param spread a number in 0..1
 */
export function backoffMs(failures: number, spread: number = randomInt(1_000) / 1_000): number {
  const full = Math.min(FIRST_MS * 2 ** (failures - 1), LONGEST_MS);
  return Math.round(full * (0.5 + spread / 2));
}
