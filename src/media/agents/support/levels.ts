/** A value for each second of a video, for "more of it than in the rest of the video". */
export class Levels {
  /** Mean over the whole. */
  readonly whole: number;
  private readonly sums = [0];
  private readonly spread: number;
  private readonly leastSpread: number;

  /**
   * @param rules lower values count as `floor`; where all are within `leastSpread` of each other nothing stands out
   */
  constructor(
    private readonly values: readonly number[],
    { floor, leastSpread }: { floor: number; leastSpread: number },
  ) {
    this.leastSpread = leastSpread;
    for (const value of values) this.sums.push((this.sums.at(-1) ?? 0) + Math.max(floor, value));
    this.whole = values.length ? (this.sums.at(-1) ?? 0) / values.length : 0;
    const variance = values.reduce((sum, value) => sum + (Math.max(floor, value) - this.whole) ** 2, 0);
    this.spread = values.length ? Math.sqrt(variance / values.length) : 0;
  }

  /** The mean of a stretch, over all seconds that it touches. */
  mean(startS: number, endS: number): number {
    const from = Math.max(0, Math.min(this.values.length - 1, Math.floor(startS)));
    const to = Math.min(this.values.length, Math.max(from + 1, Math.ceil(endS - 1e-6)));
    return to > from ? ((this.sums[to] ?? 0) - (this.sums[from] ?? 0)) / (to - from) : this.whole;
  }

  /** 0..1: 0.5 is as the whole; one standard deviation more is 0.75. */
  standing(startS: number, endS: number): number {
    if (this.spread < this.leastSpread || this.spread === 0) return 0.5;
    const above = (this.mean(startS, endS) - this.whole) / this.spread;
    return Math.min(1, Math.max(0, 0.5 + above / 4));
  }
}
