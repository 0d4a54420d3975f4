import { AsyncResource } from 'node:async_hooks';

/**
 * How many turns of the event loop a call waits at most, while each brings more items. One takes microseconds, if
 * nobody has anything to do.
 */
const MAX_TURNS = 6;

/** What a call makes of each of its items, in their order; a promise for an item that has to go on alone. */
export type BatchResults<R> = readonly (R | PromiseLike<R>)[];

/** How a {@link Batcher} works. */
export interface BatchOptions {
  /** Calls under way at a time. */
  readonly lanes?: number;
  /** Items in one call. */
  readonly size?: number;
  /**
   * For what somebody watches: a call is made as soon as the code that runs now is done, with what that has pushed. In a
   * busy process a turn of the event loop is long.
   */
  readonly eager?: boolean;
}

interface Waiting<T, R> {
  readonly item: T;
  readonly resolve: (result: R | PromiseLike<R>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Makes one call of many, as databases do with commits: what comes while a call is under way goes together in the next
 * one. Nothing waits for a timer, so that somebody who is alone is not held up. Unless it is eager, a call is made when a
 * turn of the event loop brings nothing new: a process that is busy finds what has come in meanwhile turn by turn, and
 * would make calls of a few items each otherwise. So the more there is to do, the less each item costs. Whoever is
 * alone time and again is not held up for that.
 */
export class Batcher<T, R> {
  private readonly lanes: number;
  private readonly size: number;
  private readonly eager: boolean;
  private readonly waiting: Waiting<T, R>[] = [];
  private underWay = 0;
  private scheduled = false;
  private turns = 0;
  /** How many waited at the last turn. */
  private seen = 0;
  /** How many went with the last call. */
  private last = 0;
  /** A call is of many requests: it must not be logged and traced as a part of the one that happened to begin it. */
  private readonly start = AsyncResource.bind(() => this.flush());

  /** @param call takes at least one item. If it rejects, so do all of its items */
  constructor(
    private readonly call: (items: readonly T[]) => Promise<BatchResults<R>>,
    { lanes = 1, size = 64, eager = false }: BatchOptions = {},
  ) {
    this.lanes = lanes;
    this.size = size;
    this.eager = eager;
  }

  /** What the call that the item goes with makes of it. */
  push(item: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      this.schedule();
    });
  }

  /** After what happens at the same time: one answer that many waited for makes many items. */
  private schedule(): void {
    if (this.scheduled || this.underWay >= this.lanes || this.waiting.length === 0) return;
    this.scheduled = true;
    this.turns = 0;
    this.seen = 0;
    if (this.waitsForNobody()) process.nextTick(this.start);
    else setImmediate(this.start);
  }

  private flush(): void {
    if (!this.waitsForNobody() && this.gathers()) {
      setImmediate(this.start);
      return;
    }
    this.scheduled = false;
    while (this.underWay < this.lanes && this.waiting.length > 0)
      void this.send(this.waiting.splice(0, this.size));
  }

  /** Whoever was alone the last time, and is again, would wait turns of the event loop for others that do not come. */
  private waitsForNobody(): boolean {
    return this.eager || (this.last <= 1 && this.waiting.length <= 1);
  }

  /** Whether the last turn brought more, and the next one may. */
  private gathers(): boolean {
    const grew = this.waiting.length > this.seen;
    this.seen = this.waiting.length;
    return grew && this.waiting.length < this.size && ++this.turns < MAX_TURNS;
  }

  private async send(batch: readonly Waiting<T, R>[]): Promise<void> {
    this.underWay++;
    this.last = batch.length;
    try {
      const results = await this.call(batch.map(({ item }) => item));
      batch.forEach(({ resolve }, i) => resolve(results[i] as R | PromiseLike<R>));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      this.underWay--;
      this.schedule();
    }
  }
}
