import type { ClipReason } from '../agent';
import type { AudioAnalystOutput, SceneDetectorOutput } from './outputs';
import { Coverage, intersect, unite, type LengthRules, type Window } from './windows';

/** What makes a moment good. Each is 0..1 for a window. */
export const FEATURES = ['loudness', 'sound', 'variety', 'edges', 'length'] as const;
export type Feature = (typeof FEATURES)[number];
const OF_SOUND: readonly Feature[] = ['loudness', 'sound'];

/** A window with its score, 0..1. */
export interface ScoredWindow extends Window {
  score: number;
  /** Share of the window in which nothing happens: black, or frozen without sound. */
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
  private readonly still: Coverage;
  private readonly cuts: number[];
  private readonly weights: Partial<Record<Feature, number>>;

  constructor(
    scenes: SceneDetectorOutput | undefined,
    sound: AudioAnalystOutput | undefined,
    weights: Record<Feature, number>,
    private readonly penalties: { dead: number; still: number },
    private readonly lengths: LengthRules,
  ) {
    this.levels = sound && new Levels(sound.rms_db);
    this.silence = sound && new Coverage(unite(sound.silences));
    const freezes = scenes?.freezes ?? [];
    // A still picture with sound is a slide with somebody talking: not lively, but not dead.
    const silentFreezes = sound ? intersect(freezes, sound.silences) : freezes;
    this.dead = new Coverage(unite([...(scenes?.blacks ?? []), ...silentFreezes]));
    this.still = new Coverage(unite(freezes));
    this.cuts = (scenes?.cuts ?? []).map((cut) => cut.time_s);
    const present = FEATURES.filter((f) => (sound || !OF_SOUND.includes(f)) && (scenes || f !== 'variety'));
    const sum = present.reduce((total, feature) => total + weights[feature], 0);
    this.weights = Object.fromEntries(
      present.map((feature) => [feature, sum > 0 ? weights[feature] / sum : 1 / present.length]),
    );
  }

  /** One feature of a window, 0..1. */
  private feature(name: Feature, { from, to }: Window): number {
    const [start, end] = [from.time_s, to.time_s];
    const length = end - start;
    switch (name) {
      case 'loudness':
        return this.levels?.loudness(start, end) ?? 0;
      case 'sound':
        return 1 - (this.silence?.share(start, end) ?? 0);
      case 'variety':
        // One cut in five seconds is lively enough; more is no better.
        return clamp(this.cutsWithin(start, end) / (length / 5));
      case 'edges':
        return (Number(from.kind !== 'grid') + Number(to.kind !== 'grid')) / 2;
      case 'length':
        return clamp(1 - Math.abs(length - this.lengths.targetS) / this.lengths.targetS);
    }
  }

  private get known(): Feature[] {
    return FEATURES.filter((name) => this.weights[name] !== undefined);
  }

  /** Scores one window. Called for very many. */
  score(window: Window): ScoredWindow {
    const { from, to } = window;
    const dead = this.dead.share(from.time_s, to.time_s);
    const still = this.still.share(from.time_s, to.time_s);
    let sum = -this.penalties.dead * dead - this.penalties.still * Math.max(0, still - dead);
    for (const name of FEATURES) {
      const weight = this.weights[name];
      if (weight !== undefined) sum += weight * this.feature(name, window);
    }
    return { from, to, dead, score: clamp(sum) };
  }

  private cutsWithin(startS: number, endS: number): number {
    return Math.max(0, countBelow(this.cuts, endS - 0.2) - countBelow(this.cuts, startS + 0.2));
  }

  /** Why a window has its score, for people. */
  reasons(window: ScoredWindow): ClipReason[] {
    const { from, to, dead } = window;
    const still = this.still.share(from.time_s, to.time_s);
    const against: [string, number, number, string][] = [
      [
        'dead_picture',
        dead,
        this.penalties.dead,
        dead > 0
          ? `${percent(dead)} of it is black, or frozen and silent.`
          : 'Something happens all the time.',
      ],
      [
        'still_picture',
        still,
        this.penalties.still,
        still > 0
          ? `The picture stands still for ${percent(still)} of it.`
          : 'The picture never stands still.',
      ],
    ];
    return [
      ...this.known.map((name) => {
        const value = this.feature(name, window);
        const sentence = this.sentence(name, value, window);
        return { name, value: round(value), weight: round(this.weights[name] ?? 0), sentence };
      }),
      ...against.map(([name, value, weight, sentence]) => ({
        name,
        value: round(value),
        weight: weight === 0 ? 0 : -weight,
        sentence,
      })),
    ];
  }

  private sentence(name: Feature, value: number, { from, to }: Window): string {
    const length = to.time_s - from.time_s;
    const cuts = this.cutsWithin(from.time_s, to.time_s);
    switch (name) {
      case 'loudness':
        if (value > 0.6) return 'Louder than most of the video.';
        return value < 0.4 ? 'Quieter than most of the video.' : 'About as loud as the rest of the video.';
      case 'sound':
        return value > 0.99 ? 'No silence in it.' : `${percent(1 - value)} of it is silent.`;
      case 'variety':
        return cuts === 0 ? 'One shot without a cut.' : `${cuts + 1} shots.`;
      case 'edges':
        return `Begins ${EDGE[from.kind]} and ends ${EDGE[to.kind]}.`;
      case 'length':
        return `${length.toFixed(1)} s long; ${this.lengths.targetS.toFixed(1)} s were aimed at.`;
    }
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
 * @param maxDead a further clip in which nothing happens for more than this share is not worth having
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
