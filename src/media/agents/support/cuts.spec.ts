import { findCuts, shotsBetween, type CutRules } from './cuts';

const RULES: CutRules = { threshold: 10, softThreshold: 4, standsOut: 2.5, minShotS: 0.4 };

/** Ten seconds at 25 frames a second whose score is `base`, but for the frames named. */
function scores(peaks: Record<number, number>, base = 0.5) {
  return Array.from({ length: 250 }, (_, frame) => ({ timeS: frame / 25, value: peaks[frame] ?? base }));
}
const times = (peaks: Record<number, number>, base?: number) =>
  findCuts(scores(peaks, base), 10, RULES).map((cut) => cut.time_s);

describe('findCuts', () => {
  it('finds strong cuts, and weak ones that stand out', () => {
    expect(times({ 50: 60, 125: 5 })).toEqual([2, 5]);
  });

  it('does not take motion for cuts', () => {
    expect(times({ 125: 5, 126: 5, 127: 4.5 }, 3)).toEqual([]);
    expect(times({ 125: 6 }, 3)).toEqual([]);
  });

  it('does not take the echo of a strong cut for a weak one', () => {
    expect(times({ 100: 100, 106: 5 })).toEqual([4]);
  });

  it('keeps the strongest of several within the shortest shot', () => {
    expect(times({ 100: 20, 102: 80, 104: 30 })).toEqual([4.08]);
  });

  it('makes no shots shorter than allowed at either end', () => {
    expect(times({ 1: 90, 245: 90 })).toEqual([]);
  });

  it('survives a video without scores', () => {
    expect(findCuts([], 10, RULES)).toEqual([]);
  });
});

describe('shotsBetween', () => {
  it('covers the whole duration without gaps', () => {
    expect(shotsBetween([{ time_s: 4, score: 9 }], 10)).toEqual([
      { start_s: 0, end_s: 4 },
      { start_s: 4, end_s: 10 },
    ]);
    expect(shotsBetween([], 10)).toEqual([{ start_s: 0, end_s: 10 }]);
  });
});
