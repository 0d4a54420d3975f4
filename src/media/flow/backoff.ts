import { randomInt } from 'node:crypto';

/** The wait after the first failure, in milliseconds. */
const FIRST_MS = 2_000;
const LONGEST_MS = 120_000;

/**
 * How long a step is put off that waits for something which will be away for `awayMs` more, in milliseconds: the longer
 * the longer it has waited, and spread, so that all who wait for the same do not come back together.
 *
 * @param waitedMs how long it has waited already
 * @param spread a number in 0..1
 */
export function putOffMs(
  awayMs: number,
  waitedMs: number,
  spread: number = randomInt(1_000) / 1_000,
): number {
  const full = Math.min(Math.max(FIRST_MS, waitedMs / 2), LONGEST_MS);
  return Math.round(Math.max(awayMs, full / 2) + (full * spread) / 2);
}

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
