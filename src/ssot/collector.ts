/** How long a collector may take, in milliseconds, when it names no time of its own. */
export const DEFAULT_DEADLINE_MS = 1_500;

/** Reads one part of the read model. Collectors run side by side, each under its own deadline. */
export interface Collector<T extends object> {
  readonly name: string;
  /** In milliseconds; after it the part counts as failed, and its last numbers are served, marked stale. */
  readonly deadlineMs?: number;
  collect(): Promise<T>;
}

/** What a collector came to. */
export type Outcome<T> = { ok: true; value: T; at: Date } | { ok: false; error: Error };

/**
 * Runs a collector under its deadline. One that is still busy from an earlier build is not started again:
 * what hangs must not pile up, and what it read before is not what is asked for now.
 */
export class BoundedCollector<T extends object> {
  private busy = false;

  constructor(private readonly collector: Collector<T>) {}

  get name(): string {
    return this.collector.name;
  }

  /** Never rejects. */
  async run(): Promise<Outcome<T>> {
    if (this.busy) return { ok: false, error: new Error('The previous reading has not ended yet') };
    this.busy = true;
    const at = new Date();
    const reading = this.collector.collect().finally(() => (this.busy = false));
    // After the deadline nobody waits for it any more; its error has been reported as the deadline's.
    reading.catch(() => undefined);
    const deadlineMs = this.collector.deadlineMs ?? DEFAULT_DEADLINE_MS;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`No answer within ${deadlineMs} ms`)), deadlineMs);
    });
    try {
      return { ok: true, value: await Promise.race([reading, late]), at };
    } catch (error) {
      return { ok: false, error: error instanceof Error ? error : new Error(String(error)) };
    } finally {
      clearTimeout(timer);
    }
  }
}
