/** The bounds of a chunk. */
export interface ChunkBounds {
  /** How long a chunk should take, in milliseconds. */
  targetMs: number;
  least: number;
  most: number;
}

/**
 * How many things to deal with in one go, so that a go takes about as long as it may: others wait for Redis, or for
 * the rows that a transaction has locked, that long. Shrinks at once and grows by half at most.
 */
export class ChunkSize {
  private size: number;

  constructor(private readonly bounds: ChunkBounds) {
    this.size = bounds.least;
  }

  /** Of the next chunk. */
  get current(): number {
    return this.size;
  }

  /** Takes note of what a chunk took. A part of a chunk tells nothing of whether more would do. */
  took(ms: number, items: number): void {
    const { targetMs, least, most } = this.bounds;
    const factor = Math.min(1.5, targetMs / Math.max(ms, 0.1));
    if (factor > 1 && items < this.size) return;
    this.size = Math.round(Math.min(most, Math.max(least, this.size * factor)));
  }
}
