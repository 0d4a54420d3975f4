/** How a user's limit stands after a read. */
export interface ReadLimitState {
  readonly limit: number;
  readonly remaining: number;
  /** Until the window ends, in seconds, rounded up. */
  readonly resetS: number;
  /** Whether the read is admitted. */
  readonly admitted: boolean;
}

/**
 * Limits reads per user in this process, in one-minute windows: a hit must not cost a question to Redis. By the monotonic
 * clock: when that of the day is set back, nobody waits for it.
 */
export class ReadLimit {
  private static readonly WINDOW_MS = 60_000;
  private windows = new Map<string, { until: number; used: number }>();

  constructor(private readonly maxUsers = 10_000) {}

  /** Counts a read of a user. */
  take(userId: string, limit: number, now = performance.now()): ReadLimitState {
    let window = this.windows.get(userId);
    if (!window || window.until <= now) {
      if (this.windows.size >= this.maxUsers) this.forget(now);
      window = { until: now + ReadLimit.WINDOW_MS, used: 0 };
      this.windows.set(userId, window);
    }
    const admitted = window.used < limit;
    if (admitted) window.used++;
    const resetS = Math.ceil((window.until - now) / 1000);
    return { limit, remaining: Math.max(0, limit - window.used), resetS, admitted };
  }

  /** Drops the windows that have ended; all of them, should that not be enough. */
  private forget(now: number): void {
    for (const [user, window] of this.windows) if (window.until <= now) this.windows.delete(user);
    if (this.windows.size >= this.maxUsers) this.windows.clear();
  }
}
