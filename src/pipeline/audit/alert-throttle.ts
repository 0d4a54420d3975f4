/** For how long repetitions are only counted, in milliseconds. */
const WINDOW_MS = 10_000;
/** Different things of one kind within a window; further ones are counted together. */
const MAX_KEYS = 20;

interface Held<T> {
  readonly timer: NodeJS.Timeout;
  /** The last one that was not told, and how many there are. */
  last?: T;
  count: number;
}

/**
 * Lets whoever floods us with the same thing cause one alert for each window: the first is told at once, what follows
 * is counted, and told of with its number when the window ends.
 */
export class AlertThrottle<T> {
  private readonly held = new Map<string, Held<T>>();
  /** How many different things of each kind are held. */
  private readonly keys = new Map<string, number>();

  /** @param summarise tells of `count` further ones, the last of which is given */
  constructor(private readonly summarise: (last: T, count: number) => void) {}

  /** Whether this one is to be told now. Otherwise it is counted. */
  admit(kind: string, what: string, one: T): boolean {
    const key = this.keyOf(kind, what);
    const held = this.held.get(key);
    if (held) {
      held.last = one;
      held.count += 1;
      return false;
    }
    this.keys.set(kind, (this.keys.get(kind) ?? 0) + 1);
    this.hold(kind, key);
    return true;
  }

  /** Tells what is still held back. */
  flush(): void {
    for (const { timer, last, count } of this.held.values()) {
      clearTimeout(timer);
      if (last !== undefined) this.summarise(last, count);
    }
    this.held.clear();
    this.keys.clear();
  }

  private hold(kind: string, key: string): void {
    const timer = setTimeout(() => this.windowEnded(kind, key), WINDOW_MS).unref();
    this.held.set(key, { timer, count: 0 });
  }

  private windowEnded(kind: string, key: string): void {
    const held = this.held.get(key);
    this.held.delete(key);
    if (held?.last === undefined) {
      this.keys.set(kind, (this.keys.get(kind) ?? 1) - 1);
      return;
    }
    this.summarise(held.last, held.count);
    // It goes on: the next one is not told at once, but with those of the next window.
    this.hold(kind, key);
  }

  private keyOf(kind: string, what: string): string {
    const key = `${kind}\n${what}`;
    return this.held.has(key) || (this.keys.get(kind) ?? 0) < MAX_KEYS ? key : kind;
  }
}
