import type { ClipReason } from '../agent';
import type { AudioAnalystOutput, SceneDetectorOutput } from './outputs';
import { Coverage, unite, type LengthRules, type Window } from './windows';

/** What makes a moment good. Each is 0..1 for a window. */
export const FEATURES = ['loudness', 'sound', 'variety', 'edges', 'length'] as const;
export type Feature = (typeof FEATURES)[number];
const OF_SOUND: readonly Feature[] = ['loudness', 'sound'];

/** A window with its score and what it is made of. */
export interface ScoredWindow extends Window {
  score: number;
  features: Partial<Record<Feature, number>>;
  /** Share of the window that is black or frozen. */
  dead: number;
}

const clamp = (value: number) => Math.min(1, Math.max(0, value));
const percent = (share: number) => `${Math.round(share * 100)} %`;

/** Mean and spread of the level of each second, for "louder than the rest of the video". */
class Levels {
  private readonly sums = [0];
  private readonly mean: number;
  private readonly spread: number;

  constructor(private readonly rms: readonly number[]) {
    // Below -60 dB nobody hears anything: digital silence must not decide the spread.
    for (const value of rms) this.sums.push((this.sums.at(-1) ?? 0) + Math.max(-60, value));
    this.mean = rms.length ? (this.sums.at(-1) ?? 0) / rms.length : 0;
    const variance = rms.reduce((sum, value) => sum + (Math.max(-60, value) - this.mean) ** 2, 0);
    this.spread = rms.length ? Math.sqrt(variance / rms.length) : 0;
  }

  /** 0.5 is as loud as the whole; one spread more is 0.75. */
  loudness(startS: number, endS: number): number {
    const from = Math.min(this.rms.length - 1, Math.floor(startS));
    const to = Math.min(this.rms.length, Math.max(from + 1, Math.ceil(endS)));
    if (to <= from || this.spread < 0.5) return 0.5;
    const here = ((this.sums[to] ?? 0) - (this.sums[from] ?? 0)) / (to - from);
    return clamp(0.5 + (here - this.mean) / this.spread / 4);
  }
}

/** Scores windows by what is known of the video. Weights of what is not known are shared out among the rest. */
export class Scorer {
  private readonly levels: Levels | undefined;
  private readonly silence: Coverage | undefined;
  private readonly dead: Coverage;
  private readonly cuts: number[];
  private readonly weights: Partial<Record<Feature, number>>;

  constructor(
    scenes: SceneDetectorOutput | undefined,
    sound: AudioAnalystOutput | undefined,
    weights: Record<Feature, number>,
    private readonly deadPenalty: number,
    private readonly lengths: LengthRules,
  ) {
    this.levels = sound && new Levels(sound.rms_db);
    this.silence = sound && new Coverage(unite(sound.silences));
    this.dead = new Coverage(unite([...(scenes?.blacks ?? []), ...(scenes?.freezes ?? [])]));
    this.cuts = (scenes?.cuts ?? []).map((cut) => cut.time_s);
    const present = FEATURES.filter((f) => (sound || !OF_SOUND.includes(f)) && (scenes || f !== 'variety'));
    const sum = present.reduce((total, feature) => total + weights[feature], 0);
    this.weights = Object.fromEntries(
      present.map((feature) => [feature, sum > 0 ? weights[feature] / sum : 1 / present.length]),
    );
  }

  /** Scores one window, 0..1. */
  score(window: Window): ScoredWindow {
    const [start, end] = [window.from.time_s, window.to.time_s];
    const length = end - start;
    const features: Partial<Record<Feature, number>> = {
      edges: (Number(window.from.kind !== 'grid') + Number(window.to.kind !== 'grid')) / 2,
      length: clamp(1 - Math.abs(length - this.lengths.targetS) / this.lengths.targetS),
    };
    // One cut in five seconds is lively enough; more is no better.
    if (this.weights.variety !== undefined)
      features.variety = clamp(this.cutsWithin(start, end) / (length / 5));
    if (this.levels) features.loudness = this.levels.loudness(start, end);
    if (this.silence) features.sound = 1 - this.silence.share(start, end);
    const dead = this.dead.share(start, end);
    const sum = FEATURES.reduce((total, f) => total + (features[f] ?? 0) * (this.weights[f] ?? 0), 0);
    return { ...window, features, dead, score: clamp(sum - this.deadPenalty * dead) };
  }

  private cutsWithin(startS: number, endS: number): number {
    return Math.max(0, countBelow(this.cuts, endS - 0.2) - countBelow(this.cuts, startS + 0.2));
  }

  /** Why a window has its score, for people. */
  reasons({ features, dead, from, to }: ScoredWindow): ClipReason[] {
    const length = to.time_s - from.time_s;
    const cuts = this.cutsWithin(from.time_s, to.time_s);
    const sentences: Record<Feature, (value: number) => string> = {
      loudness: (v) =>
        v > 0.6
          ? 'Louder than most of the video.'
          : v < 0.4
            ? 'Quieter than most of the video.'
            : 'About as loud as the rest of the video.',
      sound: (v) => (v > 0.99 ? 'No silence in it.' : `${percent(1 - v)} of it is silent.`),
      variety: () => (cuts === 0 ? 'One shot without a cut.' : `${cuts + 1} shots.`),
      edges: () => `Begins ${EDGE[from.kind]} and ends ${EDGE[to.kind]}.`,
      length: () => `${length.toFixed(1)} s long; ${this.lengths.targetS.toFixed(1)} s were aimed at.`,
    };
    const reasons = FEATURES.flatMap((name) => {
      const value = features[name];
      const weight = this.weights[name];
      if (value === undefined || weight === undefined) return [];
      return [{ name, value: round(value), weight: round(weight), sentence: sentences[name](value) }];
    });
    const sentence =
      dead > 0 ? `${percent(dead)} of it is black or frozen.` : 'No black or frozen picture in it.';
    return [...reasons, { name: 'dead_picture', value: round(dead), weight: -this.deadPenalty, sentence }];
  }
}

/** How many of some ascending numbers lie below a limit. */
function countBelow(ascending: readonly number[], limit: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? Infinity) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

const EDGE: Record<Window['from']['kind'], string> = {
  start: 'with the video',
  end: 'with the video',
  cut: 'at a cut',
  silence: 'at the edge of a silence',
  black: 'at the edge of a black picture',
  grid: 'within a shot',
};

const round = (value: number) => Math.round(value * 1000) / 1000;

/**
 * Takes the best windows that do not overlap; the first is always taken.
 *
 * @param maxDead a further clip that is black or frozen for more than this share is not worth having
 */
export function pickBest(windows: readonly ScoredWindow[], count: number, maxDead: number): ScoredWindow[] {
  const picked: ScoredWindow[] = [];
  const byScore = [...windows].sort(
    (a, b) => b.score - a.score || a.from.time_s - b.from.time_s || a.to.time_s - b.to.time_s,
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
