/**
 * Calls `fn` until it returns without throwing, and returns its value. After `timeoutMs` the last error is
 * thrown, so that a failing test shows the assertion that did not come true. For `false` and `undefined`
 * results throw in `fn` (an `expect` does).
 */
export async function eventually<T>(
  fn: () => T | Promise<T>,
  { timeoutMs = 30_000, intervalMs = 50 }: { timeoutMs?: number; intervalMs?: number } = {},
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await fn();
    } catch (error) {
      if (Date.now() >= deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}

/**
 * Asks until `fn` returns without throwing, which it must do when it is called `ms` from now or later: how long an answer
 * takes on a busy machine does not matter, when it was asked for does.
 */
export async function within<T>(ms: number, fn: () => Promise<T>): Promise<T> {
  const since = performance.now();
  for (;;) {
    const isLate = performance.now() - since >= ms;
    try {
      return await fn();
    } catch (error) {
      if (isLate) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What `attempt` comes to, made again until it took no longer than `ms`: on a machine that stood still it says nothing. */
export async function undisturbed<T>(ms: number, attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    const began = performance.now();
    const result = await attempt();
    if (performance.now() - began <= ms) return result;
  }
}
