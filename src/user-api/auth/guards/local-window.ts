/**
 * Counts per key in this process, in windows that begin with a key's first request. By the monotonic clock: when that of
 * the day is set back, nobody waits for it.
 */
export class LocalWindow {
  private windows = new Map<string, { until: number; used: number }>();

  constructor(
    private readonly windowMs: number,
    private readonly maxKeys = 10_000,
  ) {}

  /** Counts a request. @returns how long until one is admitted, in milliseconds; 0 if this one is */
  take(key: string, limit: number, now = performance.now()): number {
    const window = this.windows.get(key);
    if (window && window.until > now) {
      if (window.used >= limit) return window.until - now;
      window.used += 1;
      return 0;
    }
    if (this.windows.size >= this.maxKeys) this.forget(now);
    this.windows.set(key, { until: now + this.windowMs, used: 1 });
    return 0;
  }

  /** Drops what has ended; everything, when too many keys are in use at once. */
  private forget(now: number): void {
    for (const [key, window] of this.windows) if (window.until <= now) this.windows.delete(key);
    if (this.windows.size >= this.maxKeys) this.windows = new Map();
  }
}
