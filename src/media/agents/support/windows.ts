import type { Span } from './outputs';

/** A moment where a clip may begin or end; `clean` if the picture or the sound changes there. */
export interface Boundary {
  time_s: number;
  kind: 'start' | 'end' | 'cut' | 'silence' | 'speech' | 'black' | 'motion' | 'proposal' | 'grid';
}

/** A stretch that could become a clip. */
export interface Window {
  from: Boundary;
  to: Boundary;
}

/** How long clips may be, in seconds. */
export interface LengthRules {
  minS: number;
  maxS: number;
  targetS: number;
}

/** Ends that are looked at for each beginning, at most: keeps a long and busy video from taking minutes. */
const MAX_ENDS = 24;

/** So much stillness is kept before something moves, and after it has come to rest; seconds. */
const LEAD_S = 0.5;

/** Makes the wished lengths fit a video: a short one gets shorter clips, and at worst the whole of it is one. */
export function fitLengths(durationS: number, count: number, wished: LengthRules): LengthRules {
  const minS = Math.min(wished.minS, durationS);
  const maxS = Math.max(minS, Math.min(wished.maxS, durationS));
  const share = Math.max(minS, durationS / count);
  return { minS, maxS, targetS: Math.min(maxS, Math.max(minS, Math.min(wished.targetS, share))) };
}

/**
 * All boundaries, in the order of time, on whole frames. Cuts come before others at the same frame.
 * A grid fills long stretches without any, so that there always are candidates.
 */
export function findBoundaries(
  durationS: number,
  fps: number,
  found: {
    cuts: readonly number[];
    silences: readonly Span[];
    blacks: readonly Span[];
    /** Stretches between two utterances. */
    pauses?: readonly Span[];
    /** Stretches in which the picture stands still. */
    freezes?: readonly Span[];
    /** Stretches that are proposed as they are. */
    proposals?: readonly Span[];
  },
  gridS: number,
): Boundary[] {
  const frames = Math.floor(durationS * fps + 1e-6);
  const byFrame = new Map<number, Boundary>();
  const add = (timeS: number, kind: Boundary['kind']) => {
    const frame = kind === 'end' ? frames : Math.round(timeS * fps);
    if (frame < 0 || frame > frames || byFrame.has(frame)) return;
    byFrame.set(frame, { time_s: frame / fps, kind });
  };
  add(0, 'start');
  add(durationS, 'end');
  for (const cut of found.cuts) add(cut, 'cut');
  for (const { start_s, end_s } of found.proposals ?? [])
    [start_s, end_s].forEach((time) => add(time, 'proposal'));
  for (const { start_s, end_s } of found.blacks) [start_s, end_s].forEach((time) => add(time, 'black'));
  for (const { start_s, end_s } of found.silences) [start_s, end_s].forEach((time) => add(time, 'silence'));
  // In the middle of a pause nobody is cut short, and nobody waits long for the first word.
  for (const { start_s, end_s } of found.pauses ?? []) add((start_s + end_s) / 2, 'speech');
  // Where a cut ends the stillness, half a second before it would show the end of another shot.
  const others = [...byFrame.values()].map(({ time_s }) => time_s);
  const bare = (timeS: number) => !others.some((other) => Math.abs(other - timeS) <= LEAD_S);
  for (const { start_s, end_s } of found.freezes ?? []) {
    const lead = Math.min(LEAD_S, (end_s - start_s) / 2);
    if (bare(start_s)) add(start_s + lead, 'motion');
    if (bare(end_s)) add(end_s - lead, 'motion');
  }
  const natural = [...byFrame.values()].sort((a, b) => a.time_s - b.time_s);
  natural.slice(1).forEach((boundary, index) => {
    const before = natural[index]?.time_s ?? 0;
    for (let time = before + gridS; time < boundary.time_s - gridS / 2; time += gridS) add(time, 'grid');
  });
  return [...byFrame.values()].sort((a, b) => a.time_s - b.time_s);
}

/** The windows that begin at a boundary and have an allowed length; evenly chosen ones where there are very many. */
export function windowsFrom(
  boundaries: readonly Boundary[],
  index: number,
  { minS, maxS }: LengthRules,
): Window[] {
  const slack = 1e-6;
  const from = boundaries[index];
  if (!from) return [];
  const first = indexAt(boundaries, from.time_s + minS - slack);
  const beyond = indexAt(boundaries, from.time_s + maxS + slack);
  const step = Math.max(1, (beyond - first) / MAX_ENDS);
  const windows: Window[] = [];
  for (let at = first; at < beyond; at += step) {
    const to = boundaries[Math.floor(at)];
    if (to && to.time_s > from.time_s) windows.push({ from, to });
  }
  return windows;
}

/** The windows that are exactly these stretches, where they have an allowed length. */
export function windowsOf(
  boundaries: readonly Boundary[],
  spans: readonly Span[],
  fps: number,
  { minS, maxS }: LengthRules,
): Window[] {
  const slack = 1e-6;
  const at = (timeS: number) => boundaries[indexAt(boundaries, Math.round(timeS * fps) / fps - slack)];
  return spans.flatMap(({ start_s, end_s }) => {
    const from = at(start_s);
    const to = at(end_s) ?? boundaries.at(-1);
    if (!from || !to) return [];
    const length = to.time_s - from.time_s;
    return length > 0 && length >= minS - slack && length <= maxS + slack ? [{ from, to }] : [];
  });
}

const timeOf = ({ time_s }: Boundary): number => time_s;

/** The first boundary at or after a time. */
function indexAt(boundaries: readonly Boundary[], timeS: number): number {
  return firstFrom(boundaries, timeS, timeOf);
}

/** The place of the first of some items, ascending by `of`, at or after a value. */
export function firstFrom<T>(items: readonly T[], value: number, of: (item: T) => number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (of(items[middle] as T) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** From the first boundary to the last: what is left when no window has an allowed length. */
export function wholeWindow(boundaries: readonly Boundary[]): Window[] {
  const [from, to] = [boundaries[0], boundaries.at(-1)];
  return from && to ? [{ from, to }] : [];
}

/** Seconds of `spans` that lie within a stretch, found fast by sums up to each span. Spans must not overlap. */
export class Coverage {
  private readonly spans: Span[];
  private readonly before: number[] = [];

  constructor(spans: readonly Span[]) {
    this.spans = [...spans].sort((a, b) => a.start_s - b.start_s);
    let sum = 0;
    for (const { start_s, end_s } of this.spans) {
      this.before.push(sum);
      sum += end_s - start_s;
    }
  }

  /** Covered seconds from 0 up to a time. */
  private upTo(timeS: number): number {
    let low = 0;
    let high = this.spans.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.spans[middle]?.start_s ?? Infinity) < timeS) low = middle + 1;
      else high = middle;
    }
    const last = this.spans[low - 1];
    if (!last) return 0;
    return (this.before[low - 1] ?? 0) + Math.min(timeS, last.end_s) - last.start_s;
  }

  /** Covered share of a stretch, 0..1. */
  share(startS: number, endS: number): number {
    return endS > startS
      ? Math.min(1, Math.max(0, (this.upTo(endS) - this.upTo(startS)) / (endS - startS)))
      : 0;
  }
}

/** Joins spans that overlap, touch, or lie at most `gapS` apart. */
export function unite(spans: readonly Span[], gapS = 0): Span[] {
  const united: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.start_s - b.start_s)) {
    const last = united.at(-1);
    if (last && span.start_s <= last.end_s + gapS) last.end_s = Math.max(last.end_s, span.end_s);
    else united.push({ ...span });
  }
  return united;
}

/** What lies in both of two lists of spans; neither may overlap in itself. */
export function intersect(some: readonly Span[], others: readonly Span[]): Span[] {
  const [a, b] = [unite(some), unite(others)];
  const both: Span[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const [one, other] = [a[i], b[j]];
    if (!one || !other) break;
    const start_s = Math.max(one.start_s, other.start_s);
    const end_s = Math.min(one.end_s, other.end_s);
    if (start_s < end_s) both.push({ start_s, end_s });
    if (one.end_s < other.end_s) i += 1;
    else j += 1;
  }
  return both;
}
