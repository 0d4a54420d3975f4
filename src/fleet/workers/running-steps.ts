import { Injectable, Logger } from '@nestjs/common';
import type { Job } from 'bull';
import { type AbortKind, StepAbort } from '../../media/flow/step-abort';
import { type StepTicket, TICKET_LOCK_MS } from '../../media/flow/queues/bull-queue';
import { traceOfJob } from '../../media/flow/job-trace';
import { StepRunner } from '../../media/flow/step-runner';
import { type Claim, StepClaims } from '../../media/steps/step-claims';
import { runInTrace } from '../../platform/telemetry/trace-scope';
import { reasonOf } from '../../platform/errors/unavailable';

/** How long a step goes on while Postgres answers no sign of life, in milliseconds. */
const ALONE_MS = 60_000;

interface Running {
  claim: Claim;
  ticket: Job<StepTicket>;
  controller: AbortController;
  /** The agent has ended; only its report is under way. */
  settling: boolean;
  lastHeardAt: number;
  done: Promise<void>;
}

/** The steps that this worker runs right now. */
@Injectable()
export class RunningSteps {
  private readonly log = new Logger(RunningSteps.name);
  /** More than one of a step while an attempt that was lost has not stopped yet. */
  private readonly running = new Set<Running>();

  constructor(
    private readonly runner: StepRunner,
    private readonly claims: StepClaims,
  ) {}

  /** How many there are. */
  get size(): number {
    return this.running.size;
  }

  /** Which they are, for the heartbeat. */
  list(): { step_id: string; job_id: string; agent: string; attempt: number }[] {
    return [...this.running].map(({ claim: { step } }) => ({
      step_id: step.id,
      job_id: step.job_id,
      agent: step.agent,
      attempt: step.attempt,
    }));
  }

  /**
   * Runs a claimed step to its end; `ended` is called then. An attempt of it that runs here still is lost: the claim took
   * the step from it. That is told to it, and it goes on to count until it has stopped.
   */
  start(claim: Claim, ticket: Job<StepTicket>, ended: () => void): void {
    const controller = new AbortController();
    const entry: Running = {
      claim,
      ticket,
      controller,
      settling: false,
      lastHeardAt: performance.now(),
      done: Promise.resolve(),
    };
    for (const older of this.attemptsOf(claim.step.id)) this.abortOne(older, 'lost');
    this.running.add(entry);
    entry.done = this.runner
      .run(claim, controller.signal, () => {
        entry.settling = true;
      })
      .then(() => this.dropTicket(ticket))
      .finally(() => {
        this.running.delete(entry);
        ended();
      });
  }

  /**
   * Ends an attempt of a step early, if it runs here and has not ended by itself. Another attempt goes on: who says so
   * did not know of it, and may have been on the way for long.
   */
  abort(stepId: string, attempt: number, kind: AbortKind): void {
    for (const entry of this.attemptsOf(stepId))
      if (entry.claim.step.attempt === attempt) this.abortOne(entry, kind);
  }

  /** Ends all of them early. */
  abortAll(kind: AbortKind): void {
    for (const entry of this.running) this.abortOne(entry, kind);
  }

  private attemptsOf(stepId: string): Running[] {
    return [...this.running].filter((entry) => entry.claim.step.id === stepId);
  }

  private abortOne(entry: Running, kind: AbortKind): void {
    if (entry.settling || entry.controller.signal.aborted) return;
    const { step, job } = entry.claim;
    this.log.log(`Step ${step.agent} of job ${job.id} is aborted in attempt ${step.attempt} (${kind})`);
    entry.controller.abort(new StepAbort(kind));
  }

  /** Resolves when all steps that run now have ended. */
  async idle(): Promise<void> {
    await Promise.all([...this.running].map((entry) => entry.done));
  }

  /** Gives a sign of life for each step, and ends those that it is told to. Never throws. */
  async renew(): Promise<void> {
    await Promise.all(
      [...this.running].map((entry) => runInTrace(traceOfJob(entry.claim.job), () => this.renewOne(entry))),
    );
  }

  private async renewOne(entry: Running): Promise<void> {
    // Also while it only reports: to remove its files first takes as long as their store does.
    const { step } = entry.claim;
    // Bull's lock only keeps the entry in view of those who look at Bull; it decides nothing.
    entry.ticket.extendLock(TICKET_LOCK_MS).catch(() => undefined);
    try {
      const state = await this.claims.renew(step.id, step.attempt);
      entry.lastHeardAt = performance.now();
      if (state === 'lost') this.abortOne(entry, 'lost');
      if (state === 'cancelling') this.abortOne(entry, 'cancel');
    } catch (error) {
      const silentMs = performance.now() - entry.lastHeardAt;
      this.log.warn(`No sign of life for step ${step.id} (${Math.round(silentMs)} ms): ${reasonOf(error)}`);
      if (silentMs > ALONE_MS) this.abortOne(entry, 'lost');
    }
  }

  /** Removes a ticket that has been used; one that Redis has lost is gone already. */
  async dropTicket(ticket: Job<StepTicket>): Promise<void> {
    try {
      await ticket.moveToCompleted('', true, true);
    } catch (error) {
      this.log.debug(`Ticket ${ticket.id} could not be removed: ${reasonOf(error)}`);
    }
  }
}
