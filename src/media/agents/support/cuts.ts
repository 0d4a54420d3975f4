import type { FrameValue } from '../../tools/detectors';
import type { Span } from './outputs';

/** A place where one shot ends and the next begins. `score` 0..100: how much the picture changes. */
export interface Cut {
  time_s: number;
  score: number;
}

/** How cuts are told from motion. */
export interface CutRules {
  /** A score from here on is a cut, whatever is around it. */
  threshold: number;
  /** A lower score from here on is one too, if it stands out ... */
  softThreshold: number;
  /** ... by this factor over the highest score near it. */
  standsOut: number;
  /** Shots shorter than this are joined to their neighbour; seconds. */
  minShotS: number;
}

/** How far "near" reaches, in frames to either side. */
const NEAR = 12;

/**
 * Finds cuts in the per-frame change of a video. A fixed threshold alone misses cuts between alike pictures and
 * sees cuts in fast motion, so weak ones must stand out from their surroundings. Pure.
 *
 * @param scores in the order of time, 0..100
 */
export function findCuts(scores: readonly FrameValue[], durationS: number, rules: CutRules): Cut[] {
  const found: Cut[] = [];
  scores.forEach(({ timeS, value }, index) => {
    if (value < rules.softThreshold || timeS < rules.minShotS || durationS - timeS < rules.minShotS) return;
    if (value < rules.threshold && value < rules.standsOut * highestNear(scores, index)) return;
    const last = found.at(-1);
    if (last && timeS - last.time_s < rules.minShotS) {
      // Flashes and dissolves give several: the strongest stays.
      if (value > last.score) found[found.length - 1] = { time_s: timeS, score: value };
      return;
    }
    found.push({ time_s: timeS, score: value });
  });
  return found;
}

function highestNear(scores: readonly FrameValue[], index: number): number {
  let highest = 0;
  for (let i = Math.max(0, index - NEAR); i <= Math.min(scores.length - 1, index + NEAR); i += 1)
    if (i !== index) highest = Math.max(highest, scores[i]?.value ?? 0);
  return highest;
}

/** The shots between the cuts, covering the whole duration. */
export function shotsBetween(cuts: readonly Cut[], durationS: number): Span[] {
  const edges = [0, ...cuts.map((cut) => cut.time_s), durationS];
  return edges.slice(1).map((end_s, index) => ({ start_s: edges[index] ?? 0, end_s }));
}
