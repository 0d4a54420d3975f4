import type { ScoredWindow } from './scoring';

/**
 * Takes the best windows that do not overlap; the first is always taken.
 *
 * @param maxDead a further clip in which nothing happens for more than this share is not worth having
 */
export function pickBest(windows: readonly ScoredWindow[], count: number, maxDead: number): ScoredWindow[] {
  const picked: ScoredWindow[] = [];
  const byScore = [...windows].sort(
    (a, b) => b.rank - a.rank || a.from.time_s - b.from.time_s || a.to.time_s - b.to.time_s,
  );
  for (const window of byScore) {
    if (picked.length === count) break;
    if (picked.length > 0 && window.dead > maxDead) continue;
    const free = picked.every(
      (p) => window.to.time_s <= p.from.time_s + 1e-6 || window.from.time_s >= p.to.time_s - 1e-6,
    );
    if (free) picked.push(window);
  }
  return picked;
}
