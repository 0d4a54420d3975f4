import type { Period } from './analytics.dto';

const HOUR_MS = 3_600_000;
const SHAPES: Record<Period, { unitMs: number; count: number }> = {
  '24h': { unitMs: HOUR_MS, count: 24 },
  '7d': { unitMs: 24 * HOUR_MS, count: 7 },
  '30d': { unitMs: 24 * HOUR_MS, count: 30 },
};

/** The parts of a period up to `now`, the oldest first: full hours or days of UTC, of which the last one has just begun. */
export function bucketsOf(period: Period, now: Date): { from: Date; until: Date }[] {
  const { unitMs, count } = SHAPES[period];
  const last = Math.floor(now.getTime() / unitMs);
  return Array.from({ length: count }, (_, index) => {
    const from = (last - count + 1 + index) * unitMs;
    return { from: new Date(from), until: new Date(Math.min(from + unitMs, now.getTime())) };
  });
}
