import { Inject, Injectable } from '@nestjs/common';
import { AppError } from '../../platform/errors/app-error';
import { PayloadScrubber } from '../audit/payload-scrubber';
import type { ActionAnswer, Run } from '../run';
import type { EarlierExecution, Intent } from './execution';
import { ExecutionStore } from './execution-store';
import { Outcomes } from './outcomes';
import { ExecutionTiming } from './timing';

/** What an execution is run from, when that is not by the request itself. */
export interface StoredRequest {
  payload: unknown;
  reason: string | null;
  owner_id: string | null;
  preview_id: string | null;
}

/** Who may run what: of all requests with one key, one. */
@Injectable()
export class Claims {
  constructor(
    @Inject(ExecutionStore) private readonly store: ExecutionStore,
    @Inject(Outcomes) private readonly outcomes: Outcomes,
    @Inject(PayloadScrubber) private readonly scrubber: PayloadScrubber,
    @Inject(ExecutionTiming) private readonly timing: ExecutionTiming,
  ) {}

  /**
   * Sets `run.claim`, with the intent committed. Otherwise answers from the execution that has the key.
   *
   * @throws AppError AUDIT_UNAVAILABLE, IDEMPOTENCY_IN_PROGRESS, IDEMPOTENCY_MISMATCH, PREVIEW_INVALID
   */
  async claim(run: Run): Promise<ActionAnswer | undefined> {
    const intent = this.intentOf(run);
    // What it showed may not be acted on any more; what was done with it in time is still answered for.
    if (run.preview?.expired) return this.answered(run, intent);
    // Twice: between the look-up and the claim an old key may be freed, or a new one set.
    for (let attempt = 0; attempt < 3; attempt++) {
      run.claim = await recorded(this.store.claim(intent));
      if (run.claim) return undefined;
      // Its rows were committed although that was not confirmed, and have been swept since.
      if (intent.idempotencyKey === null)
        throw new AppError('AUDIT_UNAVAILABLE', undefined, { retryAfterS: 2 });
      const earlier = await recorded(this.store.findByKey(run.actor.userId, intent.idempotencyKey));
      if (!earlier) continue;
      if (earlier.stale) {
        await recorded(this.store.forgetKey(earlier.id));
        continue;
      }
      const answer = await this.answerFrom(earlier, run, intent);
      if (answer) return answer;
      // Its runner died. Its effect, if any, was committed together with an outcome or can be repeated.
      run.claim = await recorded(this.store.takeOver(earlier, intent));
      if (run.claim) return undefined;
    }
    throw inProgress(1);
  }

  /** The answer of the execution that has the key; nothing is run. */
  private async answered(run: Run, intent: Intent): Promise<ActionAnswer> {
    const { idempotencyKey: key } = intent;
    const earlier = key === null ? undefined : await recorded(this.store.findByKey(run.actor.userId, key));
    const answer = earlier && !earlier.stale && (await this.answerFrom(earlier, run, intent));
    if (!answer) throw new AppError('PREVIEW_INVALID');
    return answer;
  }

  /** @returns undefined if nobody runs it any more, and what it came to is not known */
  private async answerFrom(
    earlier: EarlierExecution,
    run: Run,
    intent: Intent,
  ): Promise<ActionAnswer | undefined> {
    if (!earlier.fingerprint.equals(intent.fingerprint)) throw new AppError('IDEMPOTENCY_MISMATCH');
    if (earlier.response_body && earlier.response_status !== null && earlier.status !== 'unknown')
      return this.outcomes.replayed(run, earlier.id, earlier.response_status, earlier.response_body);
    if (earlier.status !== 'running' && earlier.status !== 'unknown')
      return this.outcomes.answerOnce(run, earlier);
    // An operation that was handed over goes on by itself, whoever started it.
    if (earlier.queued || (earlier.status === 'running' && earlier.lease_left_s > 0))
      throw inProgress(earlier.lease_left_s);
    return undefined;
  }

  private intentOf(run: Run): Intent {
    const scrubbed = this.scrubber.payload(run.payload, run.entry.command);
    const request: StoredRequest = {
      payload: run.isOperation ? run.payload : scrubbed,
      reason: this.scrubber.text(run.options.reason),
      owner_id: run.ownerId ?? null,
      preview_id: run.preview?.id ?? null,
    };
    return {
      executionId: run.executionId,
      action: run.entry.name,
      kind: run.kind,
      actor: run.actor,
      // A preview changes nothing, and its key must stay free for the act.
      idempotencyKey: run.kind === 'preview' ? null : run.idempotencyKey,
      fingerprint: run.fingerprint,
      payload: request,
      scrubbed,
      reason: request.reason,
      detail: run.preview ? { preview: run.preview.id } : null,
      origin: run.call.origin,
      leaseS: this.timing.leaseS,
    };
  }
}

/** Nothing has been done yet: if Postgres does not take it, nothing will be. */
async function recorded<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw new AppError('AUDIT_UNAVAILABLE', undefined, { cause, retryAfterS: 2 });
  }
}

function inProgress(leaseLeftS: number): AppError {
  return new AppError('IDEMPOTENCY_IN_PROGRESS', undefined, {
    retryAfterS: Math.min(5, Math.max(1, Math.ceil(leaseLeftS))),
  });
}
