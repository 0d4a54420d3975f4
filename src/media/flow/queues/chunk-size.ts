/** The bounds of a chunk. */
export interface ChunkBounds {
  /** How long a chunk should take, in milliseconds. */
  targetMs: number;
  least: number;
  most: number;
}

/** Chunks that are remembered. */
const REMEMBERED = 3;

/**
 * How many things to deal with in one go, so that a go takes about as long as it may: others wait for Redis, or for
 * the rows that a transaction has locked, that long. Grows by half at most. On a busy machine a chunk now and then
 * takes many times as long as it costs, since something else was run meanwhile; smaller ones would not be quicker, so
 * the quickest of the last few tells what one costs.
 */
export class ChunkSize {
  private size: number;
  /** What each thing of the last chunks took, in milliseconds. */
  private costs: number[] = [];

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
    if (items < this.size && ms < targetMs) return;
    this.costs = [...this.costs, Math.max(ms, 0.1) / items].slice(-REMEMBERED);
    const fits = targetMs / Math.min(...this.costs);
    this.size = Math.round(Math.min(most, Math.max(least, Math.min(1.5 * this.size, fits))));
  }
}
