import type { Logger } from '@nestjs/common';
import { reasonOf } from '../platform/errors/unavailable';
import { FailureLog } from '../platform/telemetry/failure-log';
import { newTraceId } from '../platform/telemetry/trace-id';
import { runInTrace } from '../platform/telemetry/trace-scope';
import type { RunTally } from './lease-keeper';
import type { Manager } from './manager';
import { beginning } from '../platform/text/cut';
import { storable } from '../platform/text/storable';

/** The longest error text that is kept. */
const MAX_ERROR_LENGTH = 500;

/** The life of one control loop in this process: runs it at its interval for as long as the process leads it. */
export class ControlLoopRunner {
  /** The fence of the lead, while this process has it. */
  fence: number | undefined;
  private lead: AbortController | undefined;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private tally: RunTally | undefined;
  private readonly failures: FailureLog;

  constructor(
    readonly manager: Manager,
    private readonly log: Logger,
  ) {
    const { name } = manager;
    this.failures = new FailureLog(log, { fails: `${name} failed`, again: `${name} is well again` }, 'error');
  }

  /** Begins to lead under this fence, or goes on; a higher fence ends the lead before it. */
  leadWith(fence: number): void {
    if (this.lead && this.fence === fence) return;
    this.resign('the lead changed hands');
    this.fence = fence;
    this.lead = new AbortController();
    this.log.log(`Leads ${this.manager.name} (fence ${fence})`);
    this.schedule(this.lead.signal, 0);
  }

  /** Ends the lead: the current run is told to stop, and no further one starts. Does nothing without a lead. */
  resign(reason: string): void {
    if (!this.lead) return;
    clearTimeout(this.timer);
    this.lead.abort(new Error(reason));
    this.lead = undefined;
    this.fence = undefined;
    this.log.log(`No longer leads ${this.manager.name}: ${reason}`);
  }

  /** Resolves when no run is under way. */
  async idle(): Promise<void> {
    await this.running;
  }

  /** The runs since this was asked last, if there were any. */
  takeTally(): RunTally | undefined {
    const tally = this.tally;
    this.tally = undefined;
    return tally;
  }

  private schedule(signal: AbortSignal, delayMs: number): void {
    this.timer = setTimeout(() => {
      let started = 0;
      // A run of an earlier lead that has not ended yet goes first: runs never overlap.
      this.running = (this.running ?? Promise.resolve())
        .then(() => {
          started = performance.now();
          return signal.aborted ? undefined : runInTrace({ traceId: newTraceId() }, () => this.run(signal));
        })
        .finally(() => {
          const wait = Math.max(0, this.manager.intervalMs - (performance.now() - started));
          if (!signal.aborted) this.schedule(signal, wait);
        });
    }, delayMs);
  }

  private async run(signal: AbortSignal): Promise<void> {
    const started = performance.now();
    let failure: Error | undefined;
    try {
      await this.manager.run({ fence: this.fence ?? 0, signal });
    } catch (error) {
      // A run that stops because it was told to is no failure.
      if (!signal.aborted) failure = error instanceof Error ? error : new Error(String(error));
    }
    const durationMs = performance.now() - started;
    if (failure) this.failures.failed(failure);
    else if (!signal.aborted) this.failures.succeeded();
    this.tally = {
      runs: (this.tally?.runs ?? 0) + 1,
      failures: (this.tally?.failures ?? 0) + (failure ? 1 : 0),
      lastRunAt: new Date(),
      lastDurationMs: Math.round(durationMs),
      // What a loop could not read may stand in it.
      lastError: failure ? storable(beginning(reasonOf(failure), MAX_ERROR_LENGTH)) : null,
    };
  }
}
