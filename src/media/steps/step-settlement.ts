import { Injectable } from '@nestjs/common';
import { Db, type Tx } from '../../platform/postgres/db';
import type { ClipDraft } from '../agents/agent';
import { JobAdvance } from '../flow/advance-job';
import { backoffMs } from '../flow/backoff';
import { FlowChanges } from '../flow/flow-changes';
import { FlowEvents } from '../flow/flow-events';
import { flowFailure, type StepFailure } from '../flow/step-failure';
import { recordEvent } from '../flow/system-events';
import { type MovedStep, moveSteps } from '../flow/transitions';
import { putOff, waitedInVain } from './put-off';
import { insertArtifacts, insertClips, type ArtifactDraft } from './step-results';
import { type JobRow, lockJob } from './step';

/** Which attempt of which step; every write of a worker carries it. */
export interface Attempt {
  jobId: string;
  stepId: string;
  attempt: number;
}

/** What a finished attempt produced. */
export interface StepResult {
  status: 'completed' | 'skipped';
  output: object | null;
  skipReason: string | null;
  stepKey: string;
  artifacts: readonly ArtifactDraft[];
  clips: readonly ClipDraft[] | undefined;
}

/**
 * Whether a report counted: `fenced`, the step belongs to a later attempt, or to nobody, by now; `put_off`, what was
 * reported is no failure yet.
 */
export type Verdict = 'applied' | 'fenced' | 'cancelled' | 'put_off';

/** A step that was lost before its settlement: to be told apart from one that its worker settles. */
const OF_ATTEMPT = 'id = $1 AND attempt = $2';

/** The end of an attempt, each in one transaction that locks the job, then writes with the attempt as fence. */
@Injectable()
export class StepSettlement {
  constructor(
    private readonly db: Db,
    private readonly advance: JobAdvance,
    private readonly events: FlowEvents,
  ) {}

  /** Records what the step produced and lets its dependents run. */
  complete(of: Attempt, result: StepResult): Promise<Verdict> {
    return this.settle(of, async (tx, job, changes) => {
      if (job.cancel_requested_at) return this.cancelIn(tx, of, changes);
      const moved = await moveSteps(tx, result.status === 'completed' ? 'complete' : 'skip', {
        where: OF_ATTEMPT,
        params: [
          of.stepId,
          of.attempt,
          result.output && JSON.stringify(result.output),
          result.skipReason,
          result.stepKey,
        ],
        set: `output = $3, skip_reason = $4, step_key = $5, progress = 1, finished_at = now(), lease_until = NULL,
          error_code = NULL, error_message = NULL, error_detail = NULL`,
      });
      // A commit whose answer got lost is tried again, and finds its own work done.
      if (moved.length === 0) return (await isDone(tx, of)) ? 'applied' : 'fenced';
      changes.addSteps(moved);
      if (result.status === 'skipped') await this.recordSkip(tx, job, moved, result.skipReason);
      await insertArtifacts(tx, of, job.user_id, result.artifacts);
      if (result.clips) changes.clips.push(...(await insertClips(tx, job, result.clips)));
      return 'applied';
    });
  }

  /**
   * Records a failure: the step is tried again later, or has failed for good and its job with it. Where nothing was tried
   * yet (see {@link StepFailure.later}) it is put off instead, without a mark against it, for as long as it may be.
   */
  fail(of: Attempt, failure: StepFailure): Promise<Verdict> {
    return this.settle(of, async (tx, job, changes) => {
      if (job.cancel_requested_at) return this.cancelIn(tx, of, changes);
      const { later } = failure;
      if (!later) return this.failIn(tx, job, of, failure, OF_ATTEMPT, changes);
      const moved = await putOff(tx, job, of, failure, later);
      if (!moved) return this.failIn(tx, job, of, waitedInVain(failure, later), OF_ATTEMPT, changes);
      changes.addSteps(moved);
      return moved.length > 0 ? 'put_off' : 'fenced';
    });
  }

  /**
   * The step was aborted and its process is gone. If its job is being cancelled, that is the end of it; else
   * (the worker stops, or the message was an old one) the step is given back, without a mark against it.
   */
  release(of: Attempt): Promise<Verdict> {
    return this.settle(of, async (tx, job, changes) => {
      if (job.cancel_requested_at) return this.cancelIn(tx, of, changes);
      const moved = await moveSteps(tx, 'requeue', {
        where: OF_ATTEMPT,
        params: [of.stepId, of.attempt],
        set: 'lease_until = NULL, worker_id = NULL, progress = 0, not_before = now()',
      });
      changes.addSteps(moved);
      return moved.length > 0 ? 'applied' : 'fenced';
    });
  }

  /** Takes the step from a worker whose lease ran out. That counts as a failure: the step may be what kills it. */
  lost(of: Attempt, workerId: string | null): Promise<Verdict> {
    const expired = `${OF_ATTEMPT} AND lease_until < now()`;
    return this.settle(of, async (tx, job, changes) => {
      if (job.cancel_requested_at) return this.cancelIn(tx, of, changes, expired);
      const verdict = await this.failIn(tx, job, of, flowFailure('WORKER_LOST', true), expired, changes);
      if (verdict !== 'applied') return verdict;
      await recordEvent(tx, {
        level: 'warn',
        event: 'worker.lost',
        message: `Worker ${workerId} was lost in the middle of a step`,
        data: { worker_id: workerId, step_id: of.stepId, attempt: of.attempt },
        jobId: of.jobId,
        traceId: job.trace_id,
      });
      return verdict;
    });
  }

  private async settle(
    of: Attempt,
    work: (tx: Tx, job: JobRow, changes: FlowChanges) => Promise<Verdict>,
  ): Promise<Verdict> {
    const changes = new FlowChanges();
    const verdict = await this.db.transaction(async (tx) => {
      const job = await lockJob(tx, of.jobId);
      if (!job) return 'fenced';
      const result = await work(tx, job, changes);
      if (result !== 'fenced') await this.advance.advance(tx, job, changes);
      return result;
    });
    await this.events.committed(changes);
    return verdict;
  }

  private async cancelIn(tx: Tx, of: Attempt, changes: FlowChanges, where = OF_ATTEMPT): Promise<Verdict> {
    const moved = await moveSteps(tx, 'cancel', {
      where: `status = 'processing' AND ${where}`,
      params: [of.stepId, of.attempt],
      set: 'finished_at = now(), lease_until = NULL',
    });
    changes.addSteps(moved);
    return moved.length > 0 ? 'cancelled' : 'fenced';
  }

  private async recordSkip(
    tx: Tx,
    job: JobRow,
    moved: readonly MovedStep[],
    reason: string | null,
  ): Promise<void> {
    for (const { agent } of moved)
      await recordEvent(tx, {
        level: 'info',
        event: 'step.skipped',
        message: `${agent} had nothing to do: ${reason ?? 'no reason given'}`,
        data: { agent, reason },
        jobId: job.id,
        traceId: job.trace_id,
      });
  }

  private async failIn(
    tx: Tx,
    job: JobRow,
    of: Attempt,
    failure: StepFailure,
    where: string,
    changes: FlowChanges,
  ): Promise<Verdict> {
    const [step] = await tx.query<{ agent: string; failures: number; max_attempts: number }>(
      `SELECT agent, failures, max_attempts FROM steps WHERE status = 'processing' AND ${where} FOR UPDATE`,
      [of.stepId, of.attempt],
    );
    if (!step) return 'fenced';
    const failures = step.failures + 1;
    const again = failure.retryable && failures < step.max_attempts;
    const error = [failures, failure.code, failure.message, failure.detail ?? null];
    const set = `lease_until = NULL, worker_id = NULL, failures = $3, error_code = $4, error_message = $5, error_detail = $6`;
    const moved = again
      ? await moveSteps(tx, 'requeue', {
          where: OF_ATTEMPT,
          params: [of.stepId, of.attempt, ...error, backoffMs(failures) / 1_000],
          set: `${set}, progress = 0, not_before = now() + make_interval(secs => $7)`,
        })
      : await moveSteps(tx, 'fail', {
          where: OF_ATTEMPT,
          params: [of.stepId, of.attempt, ...error],
          set: `${set}, finished_at = now()`,
        });
    changes.addSteps(moved);
    if (moved.length === 0) return 'fenced';
    await recordEvent(tx, {
      level: again ? 'warn' : 'error',
      event: again ? 'step.retried' : 'step.failed',
      message: `${step.agent} failed${again ? ' and is tried again' : ''}: ${failure.message}`,
      data: { agent: step.agent, error_code: failure.code, failures, attempt: of.attempt },
      jobId: job.id,
      traceId: job.trace_id,
    });
    return 'applied';
  }
}

async function isDone(tx: Tx, of: Attempt): Promise<boolean> {
  const [row] = await tx.query(
    `SELECT 1 FROM steps WHERE ${OF_ATTEMPT} AND status IN ('completed', 'skipped')`,
    [of.stepId, of.attempt],
  );
  return row !== undefined;
}
