import { isStepDone, type StepStatus } from './transitions';

/** Progress is passed on at most this often, in milliseconds ... */
const MIN_INTERVAL_MS = 500;
/** ... and only for steps of at least this size. */
const MIN_STEP = 0.01;

/** As people are told it: a hundredth of a percent is exact enough, and all is done when it is, not before. */
function told(fraction: number): number {
  // A little more, since 0.57 * 10,000 is a little less than it should be.
  return Math.floor(Math.min(1, fraction) * 10_000 + 1e-6) / 10_000;
}

/** The progress of a job, 0..1 in steps of 0.0001: that of its steps, weighted by what each usually costs. */
export function weightedProgress(
  steps: readonly { agent: string; status: StepStatus; progress: number }[],
  weightOf: (agent: string) => number,
): number {
  let total = 0;
  let done = 0;
  for (const step of steps) {
    const weight = weightOf(step.agent);
    total += weight;
    done += weight * (isStepDone(step.status) ? 1 : step.progress);
  }
  return total === 0 ? 0 : told(done / total);
}

/**
 * Thins out what an agent reports: `passOn` is called with values that only rise, not too often, and one at a
 * time, so that a slow database delays reports rather than letting them pile up.
 */
export class ProgressThrottle {
  private reported = 0;
  private latest = 0;
  private lastAt = Number.NEGATIVE_INFINITY;
  private busy = false;
  private closed = false;

  constructor(
    private readonly passOn: (fraction: number) => Promise<void>,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Takes any number; what is not a fraction, or goes back, is ignored. */
  report(fraction: number): void {
    if (this.closed || !Number.isFinite(fraction)) return;
    this.latest = Math.max(this.latest, Math.min(1, fraction));
    if (this.busy || this.latest - this.reported < MIN_STEP) return;
    const now = this.now();
    if (now - this.lastAt < MIN_INTERVAL_MS) return;
    this.lastAt = now;
    this.reported = this.latest;
    this.busy = true;
    void this.passOn(told(this.latest)).finally(() => {
      this.busy = false;
    });
  }

  /** Nothing is passed on from now on. */
  close(): void {
    this.closed = true;
  }
}
