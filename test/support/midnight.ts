import { setTimeout as delay } from 'node:timers/promises';

const DAY_MS = 86_400_000;
/** Longer than what is done within a day takes. */
const NEAR_MS = 60_000;

/** Waits for midnight (UTC) where that is near: what follows is done within one day. */
export async function notOverMidnight(): Promise<void> {
  const leftMs = DAY_MS - (Date.now() % DAY_MS);
  if (leftMs < NEAR_MS) await delay(leftMs);
}
