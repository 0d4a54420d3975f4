import type { Checkpoint } from '../seals/checkpoint';

/** Checkpoints that are kept for comparison. With more than that every second one is let go of, again and again. */
const MAX_KEPT = 50_000;

/**
 * What checkpoints say, in bounded memory. Each stands for all seals before it, so the newest is what matters; the
 * others serve to say where a rewritten chain begins.
 */
export class Witnesses {
  private kept = new Map<number, Checkpoint>();
  private step = 1;
  /** The one with the highest number. */
  newest: Checkpoint | undefined;
  /** The first two that name different seals of one number: whoever has the key cannot take back what was said. */
  contradiction: readonly [Checkpoint, Checkpoint] | undefined;

  /** Reads them all. */
  static async read(checkpoints: AsyncIterable<Checkpoint>): Promise<Witnesses> {
    const witnesses = new Witnesses();
    for await (const checkpoint of checkpoints) witnesses.add(checkpoint);
    return witnesses;
  }

  /** Takes one more. */
  add(checkpoint: Checkpoint): void {
    const known = this.of(checkpoint.number);
    if (known && !known.hash.equals(checkpoint.hash)) this.contradiction ??= [known, checkpoint];
    if (!this.newest || checkpoint.number >= this.newest.number) this.newest = checkpoint;
    if (checkpoint.number % this.step !== 0) return;
    this.kept.set(checkpoint.number, checkpoint);
    if (this.kept.size <= MAX_KEPT) return;
    this.step *= 2;
    this.kept = new Map([...this.kept].filter(([number]) => number % this.step === 0));
  }

  /** What is said of a seal, if that is known. */
  of(number: number): Checkpoint | undefined {
    return this.newest?.number === number ? this.newest : this.kept.get(number);
  }

  /** The newest that was made up to a time, ISO 8601. */
  newestUntil(time: string): Checkpoint | undefined {
    const until = Date.parse(time);
    let found: Checkpoint | undefined;
    for (const one of [...this.kept.values(), ...(this.newest ? [this.newest] : [])])
      if (Date.parse(one.sealed_at) <= until && (!found || one.number > found.number)) found = one;
    return found;
  }
}
