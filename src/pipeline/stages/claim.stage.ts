import { Inject, Injectable, Logger } from '@nestjs/common';
import { AppError } from '../../platform/errors/app-error';
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
      const answer = await next();
      // An effect in Postgres has recorded its outcome with it, and an operation has been handed over.
      if (run.settled) return run.settled;
      return await this.outcomes.settle(run, answer, succeeded(answer));
    } catch (thrown) {
      return await this.fail(run, thrown);
    } finally {
      if (run.late) void run.late.then(release, release);
      else release();
    }
  }

  private async fail(run: Run, thrown: unknown): Promise<ActionAnswer> {
    // The effect is committed and on record; what failed came after it and is made good by others.
    if (run.settled) {
      this.log.warn(`After the effect of ${run.entry.name}: ${String(thrown)}`);
      return run.settled;
    }
    const error = toAppError(thrown);
    this.report(run, error, thrown);
    const answer = errorAnswer(run, error);
    if (error.code === 'TIMEOUT' && run.late) {
      this.settleLate(run, run.late);
      return answer;
    }
    return this.outcomes.settle(run, answer, failed(answer, error));
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
  private settleLate(run: Run, late: Promise<unknown>): void {
    run.late = late
      .then(
        (answer) => answer as ActionAnswer,
        () => undefined,
      )
      .then(async (answer) => {
        if (run.settled) return;
        if (answer) await this.outcomes.settle(run, answer, succeeded(answer));
        else await this.outcomes.settle(run, errorAnswer(run, new AppError('TIMEOUT')), UNKNOWN);
      })
      .catch((error: Error) => this.log.error(`A late outcome was lost: ${error.message}`, error.stack));
  }
}

type Verdict = Pick<Outcome, 'status' | 'errorCode' | 'freesKey'>;

const UNKNOWN: Verdict = { status: 'unknown', errorCode: 'TIMEOUT', freesKey: false };

function succeeded(_answer: ActionAnswer): Verdict {
  return { status: 'succeeded', errorCode: null, freesKey: false };
}

function failed(answer: ActionAnswer, error: AppError): Verdict {
  return { status: 'failed', errorCode: error.code, freesKey: FREES_KEY.has(answer.status) };
}

function stackOf(thrown: unknown): string | undefined {
  const error = thrown instanceof AppError ? thrown.cause : thrown;
  return error instanceof Error ? error.stack : undefined;
}

function causeOf(thrown: unknown): string {
  const error = thrown instanceof AppError ? (thrown.cause ?? thrown) : thrown;
  return error instanceof Error ? `${error.name} ${error.message}` : String(error);
}
