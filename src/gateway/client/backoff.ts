const FIRST_MS = 250;
const LONGEST_MS = 15_000;

/** How long to wait before the next attempt, in milliseconds: longer each time, and never in step with others. */
export class Backoff {
  private attempts = 0;

  /** @param random a number from 0 up to 1 */
  constructor(private readonly random: () => number = Math.random) {}

  /** After an attempt that failed: between half and all of a time that doubles. */
  next(): number {
    const most = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.attempts++);
    return most / 2 + (this.random() * most) / 2;
  }

  /** When another server is there already: at once, but not all clients in the same moment. */
  soon(): number {
    return this.random() * FIRST_MS;
  }

  /** After an attempt that succeeded. */
  reset(): void {
    this.attempts = 0;
  }
}
