import { Inject, Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { inSpan, isRecording } from '../platform/telemetry/spans';
import { actionDuration, actionsTotal } from './metrics';
import { type ActionAnswer, type ActionCall, Run, type Stage } from './run';
import { AddressStage } from './stages/address.stage';
import { AuditStage } from './stages/audit.stage';
import { AuthoriseStage } from './stages/authorise.stage';
import { BreakerStage } from './stages/breaker.stage';
import { ClaimStage } from './stages/claim.stage';
import { DispatchStage } from './stages/dispatch.stage';
import { RateLimitStage } from './stages/rate-limit.stage';
import { ValidateStage } from './stages/validate.stage';
import { WaitStage } from './stages/wait.stage';
import { traceAction } from './tracing';

/**
 * Every action passes this list, from top to bottom and back. Before it, an HTTP request has been given its
 * trace id (a hook: errors of all that follows carry it), been authenticated (JwtAuthGuard: who asks decides
 * everything else) and, on the admin side, been found to come from an allowed network (AdminAddressGuard).
 */
export const STAGES = [
  // Outermost, so that every outcome from here on, refusals included, is on record.
  AuditStage,
  // Before permissions and limits, which go by the action: an unknown name gets no bucket and no metric.
  ValidateStage,
  // As soon as it is known which action it is: outside its networks nobody has it, whatever their role.
  AddressStage,
  // Before limits, so that nobody can spend them on what they may not do; on current state, also for replays.
  AuthoriseStage,
  // Before the claim, so that a refusal costs no write to Postgres and leaves the key untouched.
  RateLimitStage,
  // Intent and key in one INSERT before any effect; on the way back the outcome. Replays end here.
  ClaimStage,
  // Outside of the breaker: waiting for an operation is no slow call.
  WaitStage,
  // Next to the work, so that only the work is counted, and an open circuit frees the key.
  BreakerStage,
  // The work itself.
  DispatchStage,
] as const;

/** Runs actions: for the one write endpoint, and for user routes that stand for an action. */
@Injectable()
export class ActionRunner {
  private readonly stages: readonly Stage[];

  constructor(
    @Inject(AuditStage) audit: AuditStage,
    @Inject(ValidateStage) validate: ValidateStage,
    @Inject(AddressStage) address: AddressStage,
    @Inject(AuthoriseStage) authorise: AuthoriseStage,
    @Inject(RateLimitStage) rateLimit: RateLimitStage,
    @Inject(ClaimStage) claim: ClaimStage,
    @Inject(WaitStage) wait: WaitStage,
    @Inject(BreakerStage) breaker: BreakerStage,
    @Inject(DispatchStage) dispatch: DispatchStage,
  ) {
    const made: Stage[] = [audit, validate, address, authorise, rateLimit, claim, wait, breaker, dispatch];
    this.stages = STAGES.map((type) => {
      const stage = made.find((one) => one instanceof type);
      if (!stage) throw new Error(`${type.name} is in the list of stages but not given to the runner`);
      return stage;
    });
  }

  /** Runs an action by name. Always answers: errors are answers, too. */
  async run(action: unknown, payload: unknown, call: ActionCall): Promise<ActionAnswer> {
    const run = new Run(uuidv7(), action, payload, call);
    const answer = await traceAction(run, () => this.enter(0, run));
    count(run, answer);
    return answer;
  }

  /** Makes no promise of its own: a run passes here nine times, and what passes at once shall cost nothing. */
  private enter(index: number, run: Run): Promise<ActionAnswer> {
    const stage = this.stages[index];
    if (!stage) throw new Error('The last stage called for another one');
    run.begin(stage.name);
    const next = (): Promise<ActionAnswer> => {
      run.explanation();
      return this.enter(index + 1, run);
    };
    return isRecording()
      ? inSpan(`stage ${stage.name}`, () => later(stage, run, next))
      : stage.handle(run, next);
  }
}

/** A stage that refuses at once is a failed span as well as one that does so later. */
async function later(stage: Stage, run: Run, next: () => Promise<ActionAnswer>): Promise<ActionAnswer> {
  return stage.handle(run, next);
}

/** What is not an action has no name of its own here: names that callers invent must not become series. */
function count(run: Run, answer: ActionAnswer): void {
  const entry = run.entry as Run['entry'] | undefined;
  const action = entry?.name ?? 'unknown';
  const replayed = 'Idempotent-Replayed' in answer.headers;
  actionsTotal.inc({ action, answer: replayed ? 'replayed' : (run.errorCode ?? 'success') });
  actionDuration.observe({ action }, (performance.now() - run.call.startedAt) / 1000);
}
