import type { ClipReason } from '../agent';
import type {
  AudioAnalystOutput,
  SceneDetectorOutput,
  SpeechDetectorOutput,
  VisualScorerOutput,
} from './outputs';
import { Levels } from './levels';
import { type Proposal, Proposals, sentenceFor } from './proposals';
import { Coverage, intersect, unite, type Boundary, type LengthRules, type Window } from './windows';

/** What makes a moment good. Each is 0..1 for a window. */
export const FEATURES = [
  'proposed',
  'speech',
  'loudness',
  'sound',
  'motion',
  'picture',
  'variety',
  'edges',
  'length',
] as const;
export type Feature = (typeof FEATURES)[number];

/** What the earlier steps found; undefined: the step was left out. */
export interface Findings {
  scenes?: SceneDetectorOutput | undefined;
  sound?: AudioAnalystOutput | undefined;
  speech?: SpeechDetectorOutput | undefined;
  picture?: VisualScorerOutput | undefined;
  /** What steps of other systems propose. */
  proposals?: readonly Proposal[];
}

/** What a clip loses, each for the whole of it. */
export interface Penalties {
  dead: number;
  still: number;
  /** For beginning and ending in the middle of speech. */
  midSpeech: number;
}

/** Less speech than this share of a video says nothing about its moments. */
const LEAST_SPEECH = 0.01;
/** Below -60 dB nobody hears anything: digital silence must not decide the spread of loudness. */
const INAUDIBLE_DB = -60;
/** A word may reach so far beyond a clip's edge before the edge counts as within speech; seconds. */
const SPEECH_EDGE_S = 0.15;

/** A window with its score. */
export interface ScoredWindow extends Window {
  /** What is shown: 0..1. */
  score: number;
  /** The same before it is held to 0..1: windows that are all poor still have a best among them. */
  rank: number;
  /** Share of the window in which nothing happens: black, or frozen without sound. */
  dead: number;
}

const clamp = (value: number) => Math.min(1, Math.max(0, value));
const percent = (share: number) => `${Math.round(share * 100)} %`;

/** Scores windows by what is known of the video. Weights of what is not known are shared out among the rest. */
export class Scorer {
  private readonly loudness: Levels | undefined;
  private readonly motion: Levels | undefined;
  private readonly light: Levels | undefined;
  private readonly silence: Coverage | undefined;
  private readonly speech: Coverage | undefined;
  private readonly dead: Coverage;
  private readonly still: Coverage;
  private readonly cuts: number[];
  private readonly proposals: Proposals | undefined;
  private readonly weights: Partial<Record<Feature, number>>;

  constructor(
    { scenes, sound, speech, picture, proposals = [] }: Findings,
    weights: Record<Feature, number>,
    private readonly penalties: Penalties,
    private readonly lengths: LengthRules,
  ) {
    this.loudness = sound && new Levels(sound.rms_db, { floor: INAUDIBLE_DB, leastSpread: 0.5 });
    this.silence = sound && new Coverage(unite(sound.silences));
    if (speech && speech.speech_ratio >= LEAST_SPEECH) this.speech = new Coverage(unite(speech.segments));
    this.motion = picture && new Levels(picture.motion, { floor: 0, leastSpread: 0.2 });
    this.light = picture && new Levels(picture.brightness.map(visible), { floor: 0, leastSpread: 0 });
    const freezes = scenes?.freezes ?? [];
    // A still picture with sound is a slide with somebody talking: not lively, but not dead.
    const silentFreezes = sound ? intersect(freezes, sound.silences) : freezes;
    this.dead = new Coverage(unite([...(scenes?.blacks ?? []), ...silentFreezes]));
    this.still = new Coverage(unite(freezes));
    this.cuts = (scenes?.cuts ?? []).map((cut) => cut.time_s);
    if (proposals.length > 0) this.proposals = new Proposals(proposals, lengths);
    const source: Record<Feature, unknown> = {
      proposed: this.proposals,
      speech: this.speech,
      loudness: sound,
      sound,
      motion: picture,
      picture,
      variety: scenes,
      edges: true,
      length: true,
    };
    const present = FEATURES.filter((feature) => source[feature] !== undefined);
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
      case 'proposed':
        return this.proposals?.best(start, end).value ?? 0;
      case 'speech':
        return this.speech?.share(start, end) ?? 0;
      case 'motion':
        return this.motion?.standing(start, end) ?? 0;
      case 'picture':
        return this.light?.mean(start, end) ?? 0;
      case 'loudness':
        return this.loudness?.standing(start, end) ?? 0;
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
    let sum =
      -this.penalties.dead * dead -
      this.penalties.still * Math.max(0, still - dead) -
      this.penalties.midSpeech * this.midSpeech(window);
    for (const name of FEATURES) {
      const weight = this.weights[name];
      if (weight !== undefined) sum += weight * this.feature(name, window);
    }
    return { from, to, dead, score: clamp(sum), rank: sum };
  }

  /** Share of the two edges that cut somebody short. */
  private midSpeech({ from, to }: Window): number {
    const within = (timeS: number) =>
      Number((this.speech?.share(timeS - SPEECH_EDGE_S, timeS + SPEECH_EDGE_S) ?? 0) > 0.999);
    return (within(from.time_s) + within(to.time_s)) / 2;
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
    if (this.speech) {
      const cut = this.midSpeech(window);
      const words = [
        'Nobody is cut short.',
        'Somebody is cut short at one end.',
        'Somebody is cut short at both ends.',
      ];
      against.push(['mid_speech', cut, this.penalties.midSpeech, words[cut * 2] ?? '']);
    }
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
      case 'proposed':
        return sentenceFor(this.proposals?.best(from.time_s, to.time_s).proposal);
      case 'speech':
        return value > 0 ? `Somebody speaks for ${percent(value)} of it.` : 'Nobody speaks.';
      case 'motion':
        return `${compared(value, 'More motion than', 'Less motion than', 'About as much motion as')} the rest of the video${numbers(this.motion, from, to)}.`;
      case 'picture':
        return `The picture is well lit for ${percent(value)} of it.`;
      case 'loudness':
        return `${compared(value, 'Louder than', 'Quieter than', 'About as loud as')} the rest of the video${numbers(this.loudness, from, to, ' dB')}.`;
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

/** 1 for a picture in which something can be seen, less the nearer it is to black or white. */
function visible(brightness: number): number {
  return clamp(Math.min((brightness - 0.06) / 0.12, (0.97 - brightness) / 0.07));
}

function compared(value: number, more: string, less: string, alike: string): string {
  if (value > 0.6) return more;
  return value < 0.4 ? less : alike;
}

/** "(-21.3 dB, the whole -27.1 dB)": what the comparison rests on. */
function numbers(levels: Levels | undefined, from: Boundary, to: Boundary, unit = ''): string {
  if (!levels) return '';
  const here = levels.mean(from.time_s, to.time_s).toFixed(1);
  return ` (${here}${unit}, the whole ${levels.whole.toFixed(1)}${unit})`;
}

const EDGE: Record<Window['from']['kind'], string> = {
  start: 'with the video',
  end: 'with the video',
  cut: 'at a cut',
  silence: 'at the edge of a silence',
  speech: 'between two utterances',
  black: 'at the edge of a black picture',
  motion: 'at the edge of a still picture',
  proposal: 'at the edge of a proposed moment',
  grid: 'within a shot',
};

const round = (value: number) => Math.round(value * 1000) / 1000;
