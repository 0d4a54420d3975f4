import { Inject, Injectable, Logger } from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../platform/errors/app-error';
import { ERROR_CODES, type ErrorCode } from '../../platform/errors/error-codes';
import { LiveFeed } from '../../platform/feed/live-feed';
import { MessageBus } from '../../platform/messages/message-bus';
import { Db, type Tx } from '../../platform/postgres/db';
import { errorAnswer, replayedAnswer, successAnswer } from '../answers';
import { storableText } from '../audit/audit-entry';
import { PersonalFields } from '../audit/subjects/personal-fields';
import type { ActionAnswer, Run } from '../run';
import type { Claim, EarlierExecution, ExecutionStatus, Outcome, OutcomeOrigin } from './execution';
import { ExecutionStore } from './execution-store';
import { ClaimLost } from './lease-keeper';
import { SealedAnswers } from './sealed-answers';
import { reasonOf } from '../../platform/errors/unavailable';

/** Waits between tries to record an outcome, in milliseconds. */
const RETRY_MS = [100, 300, 900];

/** Records what executions came to, and tells everybody. */
@Injectable()
export class Outcomes {
  private readonly log = new Logger(Outcomes.name);

  constructor(
    @Inject(ExecutionStore) private readonly store: ExecutionStore,
    @Inject(Db) private readonly db: Db,
    @Inject(LiveFeed) private readonly feed: LiveFeed,
    @Inject(MessageBus) private readonly bus: MessageBus,
    @Inject(PersonalFields) private readonly personal: PersonalFields,
    @Inject(SealedAnswers) private readonly sealed: SealedAnswers,
  ) {}

  /** Records the outcome of a run with its answer. @returns the answer to send: what is on record */
  async settle(
    run: Run,
    answer: ActionAnswer,
    verdict: Pick<Outcome, 'status' | 'errorCode' | 'freesKey'>,
  ): Promise<ActionAnswer> {
    const claim = claimOf(run);
    const whole = { ...verdict, httpStatus: answer.status, body: answer.body, result: run.result };
    const outcome = this.sealed.kept(run, claim.executionId, whole);
    // What was done is there to be read already, and the record of it is no part of the read model.
    const shown = this.show(run, verdict.status);
    const held = await this.persist(run, claim, outcome);
    if (!held) return this.answerOfSuccessor(run, claim);
    run.settled = answer;
    this.tell(run, verdict.status);
    await shown;
    return answer;
  }

  /** Records success and answer within the transaction of the effect. @throws ClaimLost, which undoes the effect */
  async settleIn(tx: Tx, run: Run, data: unknown): Promise<ActionAnswer> {
    const answer = successAnswer(run, 200, data);
    const claim = claimOf(run);
    const outcome = this.sealed.kept(run, claim.executionId, {
      status: 'succeeded',
      httpStatus: answer.status,
      body: answer.body,
      result: data,
      errorCode: null,
      freesKey: false,
    });
    if (!(await this.store.settle(claim, outcome, await this.originOf(run), tx))) throw new ClaimLost();
    return answer;
  }

  /**
   * Tells subscribers, waiters and the read model. Resolves when every process has let go of its snapshot, so that
   * the caller's next read shows the effect.
   */
  announce(run: Run, status: ExecutionStatus): Promise<void> {
    this.tell(run, status);
    return this.show(run, status);
  }

  /** The answer of an execution that has ended without one, made now and kept. */
  async answerOnce(run: Run, earlier: EarlierExecution): Promise<ActionAnswer> {
    run.endedId = earlier.id;
    const answer = answerOf(run, earlier);
    const kept = await this.store.keepAnswer(earlier.id, answer);
    return kept ? this.replayed(run, earlier.id, kept.status, kept.body) : answer;
  }

  /** The stored answer of an execution, as it was sent. */
  replayed(run: Run, executionId: string, status: number, body: Buffer): ActionAnswer {
    return replayedAnswer(run, status, this.sealed.opened(executionId, body));
  }

  /** Tells subscribers and waiters. */
  private tell(run: Run, status: ExecutionStatus): void {
    if (run.entry.risk === 'read') return;
    void this.feed.publish('executions', {
      execution_id: run.answeringId,
      action: run.entry.name,
      kind: run.kind,
      actor_id: run.actor.userId,
      status,
    });
  }

  /** Has every process read anew what an act has changed; resolves when all have let go of the old. Never rejects. */
  private async show(run: Run, status: ExecutionStatus): Promise<void> {
    const { name, risk } = run.entry;
    if (risk !== 'read' && run.kind === 'act' && status === 'succeeded')
      await this.bus.publish('ssot.invalidate', { reason: name });
  }

  private async persist(run: Run, claim: Claim, outcome: Outcome): Promise<boolean> {
    for (const pause of RETRY_MS) {
      try {
        return await this.store.settle(claim, outcome, await this.originOf(run));
      } catch (error) {
        this.log.warn(`Outcome of ${claim.executionId} is not recorded yet: ${reasonOf(error)}`);
        await delay(pause);
      }
    }
    try {
      return await this.store.settle(claim, outcome, await this.originOf(run));
    } catch (cause) {
      // The intent is there; the sweeper closes it as unknown, or a retry with the key settles it.
      throw new AppError('SERVICE_UNAVAILABLE', 'Whether the action took effect could not be recorded.', {
        cause,
      });
    }
  }

  private async originOf({ actor, call: { origin } }: Run): Promise<OutcomeOrigin> {
    const { ip, user_agent: userAgent } = await this.personal.seal({
      phase: 'outcome',
      actor_id: actor.userId,
      ip: origin.ip,
      user_agent: storableText(origin.userAgent),
      reason: null,
    });
    return { role: actor.role, ip, userAgent };
  }

  /** Another process has taken the execution over, or settled it: its word counts. */
  private async answerOfSuccessor(run: Run, claim: Claim): Promise<ActionAnswer> {
    const [row] = await this.db.query<{ response_status: number | null; response_body: Buffer | null }>(
      `SELECT response_status, response_body FROM executions WHERE id = $1 AND status <> 'unknown'`,
      [claim.executionId],
    );
    if (row?.response_body && row.response_status !== null)
      return this.replayed(run, claim.executionId, row.response_status, row.response_body);
    return errorAnswer(run, new AppError('IDEMPOTENCY_IN_PROGRESS', undefined, { retryAfterS: 1 }));
  }
}

function answerOf(run: Run, earlier: EarlierExecution): ActionAnswer {
  if (earlier.status === 'succeeded') return successAnswer(run, 200, earlier.result);
  const code =
    earlier.error_code && earlier.error_code in ERROR_CODES ? earlier.error_code : 'INTERNAL_ERROR';
  return errorAnswer(run, new AppError(code as ErrorCode));
}

function claimOf(run: Run): Claim {
  if (!run.claim) throw new Error('There is no claim to settle');
  return run.claim;
}
