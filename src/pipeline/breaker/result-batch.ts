import type { Dependency } from '../catalogue/action.decorator';
import type { Counts } from './circuit';
import type { Ruled } from './circuit-store';

/** Good news goes at most so often, in milliseconds. */
const FLUSH_MS = 100;

interface Waiting extends Counts {
  readonly ruled: Ruled;
  readonly epoch: number;
}

/**
 * Gathers results per dependency, so that thousands of good calls cost ten reports a second. Bad news goes at
 * once, together with all that waited: whoever decides sees what was before it. So does the first good news
 * after a silence: that this process calls, too, must be known when another one fails.
 */
export class ResultBatch {
  private readonly waiting = new Map<Dependency, Waiting>();
  private timer?: NodeJS.Timeout;
  private sentAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly send: (ruled: Ruled, epoch: number, counts: Counts) => void) {}

  /** Adds calls that began in `epoch`. */
  add(ruled: Ruled, epoch: number, counts: Counts): void {
    const old = this.waiting.get(ruled.dependency);
    // Of two epochs the earlier one decides nothing any more.
    const base = old?.epoch === epoch ? old : { all: 0, bad: 0, slow: 0 };
    this.waiting.set(ruled.dependency, {
      ruled,
      epoch,
      all: base.all + counts.all,
      bad: base.bad + counts.bad,
      slow: base.slow + counts.slow,
    });
    const wait = this.sentAt + FLUSH_MS - performance.now();
    if (counts.bad > 0 || counts.slow > 0 || wait <= 0) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), wait).unref();
  }

  /** Reports what waits. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.sentAt = performance.now();
    for (const { ruled, epoch, ...counts } of this.waiting.values()) this.send(ruled, epoch, counts);
    this.waiting.clear();
  }
}
