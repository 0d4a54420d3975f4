import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { AppError } from '../../platform/errors/app-error';
import { unavailableServer } from '../../platform/errors/unavailable';
import { toAppError } from '../../platform/http/exception.filter';
import { errorAnswer } from '../answers';
import { Claims } from '../executions/claims';
import type { Outcome } from '../executions/execution';
import { ClaimLost, LeaseKeeper } from '../executions/lease-keeper';
import { Outcomes } from '../executions/outcomes';
import { ExecutionTiming } from '../executions/timing';
import type { ActionAnswer, Run, Stage } from '../run';

/** Answers of these statuses did nothing, and the same key may be used for another try. */
const FREES_KEY = new Set([400, 401, 403, 429, 503]);

/** Between two tries to record what could not be recorded before the answer, in milliseconds. */
const RECORD_AGAIN_MS = 500;

/**
 * Records the intent and claims the key in one INSERT before anything is done, and the outcome after it.
 * A key that was used before is answered from the record.
 */
@Injectable()
export class ClaimStage implements Stage {
  readonly name = 'claim';
  private readonly log = new Logger(ClaimStage.name);

  constructor(
    @Inject(Claims) private readonly claims: Claims,
    @Inject(Outcomes) private readonly outcomes: Outcomes,
    @Inject(LeaseKeeper) private readonly leases: LeaseKeeper,
    @Inject(ExecutionTiming) private readonly timing: ExecutionTiming,
  ) {}

  async handle(run: Run, next: () => Promise<ActionAnswer>): Promise<ActionAnswer> {
    const replay = await this.claims.claim(run);
    if (replay) {
      run.note('replayed', run.idempotencyKey ?? undefined);
      return replay;
    }
    run.note(run.kind === 'preview' ? 'preview recorded' : 'claimed', run.idempotencyKey ?? 'without a key');
    return this.runAndSettle(run, next);
  }

  private async runAndSettle(run: Run, next: () => Promise<ActionAnswer>): Promise<ActionAnswer> {
    if (!run.claim) throw new Error('The stage went on without a claim');
    const release = this.leases.keep(run.claim, this.timing.leaseS, run.abort);
    try {
      const { answer, verdict } = await this.runOn(run, next);
      return verdict ? await this.record(run, answer, verdict) : answer;
    } finally {
      if (run.late) void run.late.then(release, release);
      else release();
    }
  }

  /** What it came to; without a verdict if that is on record already, or will be when the handler has ended. */
  private async runOn(
    run: Run,
    next: () => Promise<ActionAnswer>,
  ): Promise<{ answer: ActionAnswer; verdict?: Verdict }> {
    try {
      const answer = await next();
      // An effect in Postgres has recorded its outcome with it, and an operation has been handed over.
      return run.settled ? { answer: run.settled } : { answer, verdict: SUCCEEDED };
    } catch (thrown) {
      return this.failure(run, thrown);
    }
  }

  private failure(run: Run, thrown: unknown): { answer: ActionAnswer; verdict?: Verdict } {
    // The effect is committed and on record; what failed came after it and is made good by others.
    if (run.settled) {
      this.log.warn(`After the effect of ${run.entry.name}: ${String(thrown)}`);
      return { answer: run.settled };
    }
    const error = toAppError(thrown);
    this.report(run, error, thrown);
    const answer = errorAnswer(run, error);
    if (error.code === 'TIMEOUT' && run.late) {
      this.recordWhenEnded(run, run.late);
      return { answer };
    }
    return { answer, verdict: verdictOf(run, error) };
  }

  /**
   * Records the outcome. While Postgres is away that is tried again behind the answer, and the claim is kept for as
   * long as it can be: what was done must not count as undone because of it.
   */
  private async record(run: Run, answer: ActionAnswer, verdict: Verdict): Promise<ActionAnswer> {
    try {
      return await this.outcomes.settle(run, answer, verdict);
    } catch (error) {
      run.late = this.recordLater(run, answer, verdict);
      throw error;
    }
  }

  private async recordLater(run: Run, answer: ActionAnswer, verdict: Verdict): Promise<void> {
    for (;;) {
      try {
        await this.outcomes.settle(run, answer, verdict);
        return;
      } catch (error) {
        const what = `The outcome of ${run.entry.name} (trace ${run.call.origin.traceId})`;
        if (unavailableServer((error as Error).cause) !== 'postgres')
          return this.log.error(`${what} cannot be recorded: ${causeOf(error)}`, stackOf(error));
        this.log.warn(`${what} waits to be recorded: ${causeOf(error)}`);
        await delay(RECORD_AGAIN_MS, undefined, { ref: false });
      }
    }
  }

  /** Only what is a fault of ours is an error that somebody has to look at. */
  private report(run: Run, error: AppError, thrown: unknown): void {
    const what = `${run.entry.name}: ${error.code} (trace ${run.call.origin.traceId})`;
    if (error.code === 'INTERNAL_ERROR' && !(thrown instanceof ClaimLost))
      this.log.error(what, stackOf(thrown));
    else if (error.status >= 500 && error.code !== 'CIRCUIT_OPEN')
      this.log.warn(`${what}: ${causeOf(thrown)}`);
  }

  /** The caller has been told that time is up; what the handler comes to is recorded when it does. */
  private recordWhenEnded(run: Run, late: Promise<unknown>): void {
    run.late = late
      .then(
        (answer) => ({ answer: answer as ActionAnswer, verdict: SUCCEEDED }),
        () => ({ answer: errorAnswer(run, new AppError('TIMEOUT')), verdict: unknown('TIMEOUT') }),
      )
      .then(({ answer, verdict }) => (run.settled ? undefined : this.recordLater(run, answer, verdict)));
  }
}

type Verdict = Pick<Outcome, 'status' | 'errorCode' | 'freesKey'>;

const SUCCEEDED: Verdict = { status: 'succeeded', errorCode: null, freesKey: false };

/** It may have taken effect. The key stays with it; whoever retries runs the same execution again. */
function unknown(errorCode: AppError['code']): Verdict {
  return { status: 'unknown', errorCode, freesKey: false };
}

function verdictOf(run: Run, error: AppError): Verdict {
  // It was told to stop in the middle, and how far it came is not known.
  if (error.code === 'TIMEOUT') return unknown(error.code);
  // What the handler needs went away in the middle, and it may have been done nevertheless. An open circuit lets nothing by.
  if (run.mayHaveActed && error.status === 503 && error.code !== 'CIRCUIT_OPEN') return unknown(error.code);
  return { status: 'failed', errorCode: error.code, freesKey: FREES_KEY.has(error.status) };
}

function stackOf(thrown: unknown): string | undefined {
  const error = thrown instanceof AppError ? thrown.cause : thrown;
  return error instanceof Error ? error.stack : undefined;
}

function causeOf(thrown: unknown): string {
  const error = thrown instanceof AppError ? (thrown.cause ?? thrown) : thrown;
  return error instanceof Error ? `${error.name} ${error.message}` : String(error);
}
