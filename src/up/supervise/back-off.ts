/** How a supervisor reacts to a process that ends by itself. */
export interface BackOffOptions {
  /** The wait before the first restart; it doubles with each further short life. Milliseconds. */
  firstMs: number;
  /** The longest wait, milliseconds. */
  maxMs: number;
  /** A life at least this long counts as healthy and wipes the slate, milliseconds. */
  healthyMs: number;
  /** After this many short lives in a row it is given up. */
  maxShortLives: number;
}

/** As the launcher supervises. */
export const DEFAULT_BACK_OFF: BackOffOptions = {
  firstMs: 500,
  maxMs: 15_000,
  healthyMs: 30_000,
  maxShortLives: 6,
};

/** Decides, from how long each life lasted, when to start again and when to give up. */
export class BackOff {
  private shortLives = 0;

  constructor(private readonly options: BackOffOptions = DEFAULT_BACK_OFF) {}

  /**
   * Records a life that has ended.
   *
   * @param livedMs how long it lasted
   * @returns the milliseconds to wait before the next start, or undefined for giving up
   */
  next(livedMs: number): number | undefined {
    const { firstMs, maxMs, healthyMs, maxShortLives } = this.options;
    if (livedMs >= healthyMs) this.shortLives = 0;
    this.shortLives += 1;
    if (this.shortLives > maxShortLives) return undefined;
    return Math.min(maxMs, firstMs * 2 ** (this.shortLives - 1));
  }

  /** Forgets the past: somebody started it by hand. */
  reset(): void {
    this.shortLives = 0;
  }
}
