import { Injectable } from '@nestjs/common';
import { AppError } from '../../platform/errors/app-error';
import { Db, type Tx } from '../../platform/postgres/db';
import { recordEvent } from '../flow/system-events';
import { isStepDone, moveJob, type MovedStep, moveSteps, moveStepsUntold } from '../flow/transitions';
import { lockJob, readJob, readSteps } from '../steps/step';
import { deleteResults } from '../steps/step-results';
import { type PlannedStep, type Rerun, RerunPlan, type RetryFrom } from './rerun-plan';

/** A job that was queued again. */
export interface RetryResult {
  job_id: string;
  status: 'queued';
  /** Of the job, from 1. */
  attempt: number;
  /** Agents whose output is kept, in the order of the graph. */
  kept_steps: string[];
  /** Agents that run again. */
  rerun_steps: string[];
}

/** Whether a job can be retried, and how. */
export interface Retryability {
  can_retry: boolean;
  /** A sentence. */
  reason: string;
  from: RetryFrom[];
}

/** Queues failed and cancelled jobs again, keeping outputs that are still good. */
@Injectable()
export class JobRetry {
  constructor(
    private readonly db: Db,
    private readonly plan: RerunPlan,
  ) {}

  /**
   * Queues the job again as a new attempt. The caller dispatches it after the commit.
   *
   * @throws AppError JOB_NOT_FOUND, INVALID_JOB_STATE
   */
  async retry(jobId: string, options: { from: RetryFrom; ownerId?: string; tx?: Tx }): Promise<RetryResult> {
    // Looking at files takes its time, so it is done before the job is locked.
    const plans = await this.plan.of(options.tx ?? this.db, [jobId], options.from);
    const rerun = plans.get(jobId) ?? { steps: [], agents: new Set(), progress: 0 };
    const work = (tx: Tx) => this.retryIn(tx, jobId, rerun, options);
    return options.tx ? work(options.tx) : this.db.transaction(work);
  }

  /** @throws AppError JOB_NOT_FOUND */
  async retryability(jobId: string, ownerId?: string): Promise<Retryability> {
    const job = await readJob(this.db, jobId);
    if (!job || (ownerId && job.user_id !== ownerId)) throw new AppError('JOB_NOT_FOUND');
    if (job.status !== 'failed' && job.status !== 'cancelled')
      return {
        can_retry: false,
        reason: `The job is ${job.status}; only failed and cancelled jobs are retried.`,
        from: [],
      };
    const steps = await readSteps(this.db, jobId);
    const kept = steps.filter((step) => isStepDone(step.status)).length;
    const reason =
      kept > 0
        ? `The job is ${job.status}; ${kept} of its ${steps.length} steps need not run again.`
        : `The job is ${job.status}; it runs from the start.`;
    return { can_retry: true, reason, from: kept > 0 ? ['failed_step', 'start'] : ['start', 'failed_step'] };
  }

  private async retryIn(
    tx: Tx,
    jobId: string,
    rerun: Rerun,
    options: { from: RetryFrom; ownerId?: string },
  ): Promise<RetryResult> {
    const job = await lockJob(tx, jobId);
    if (!job || (options.ownerId && job.user_id !== options.ownerId)) throw new AppError('JOB_NOT_FOUND');
    const moved = await moveJob(tx, 'retry', {
      where: 'id = $1',
      params: [jobId, rerun.progress],
      set: `attempt = attempt + 1, progress = $2, error_code = NULL, error_message = NULL, started_at = NULL,
        finished_at = NULL, cancel_requested_at = NULL, cancel_reason = NULL`,
    });
    if (!moved)
      throw new AppError(
        'INVALID_JOB_STATE',
        `The job is ${job.status}; only failed and cancelled jobs are retried.`,
      );
    await resetSteps(tx, [rerun]);
    await recordEvent(tx, {
      level: 'info',
      event: 'job.retried',
      message: `Job ${jobId} was queued again as attempt ${moved.attempt}`,
      data: { from: options.from, rerun_steps: [...rerun.agents] },
      jobId,
      traceId: job.trace_id,
    });
    const names = (wanted: boolean) =>
      rerun.steps.filter((step) => rerun.agents.has(step.agent) === wanted).map((step) => step.agent);
    return {
      job_id: jobId,
      status: 'queued',
      attempt: moved.attempt,
      kept_steps: names(false),
      rerun_steps: names(true),
    };
  }
}

/** The steps of a plan that run again. */
function rerunSteps({ steps, agents }: Rerun): PlannedStep[] {
  return steps.filter((step) => agents.has(step.agent));
}

/** Makes the steps of plans run again; answers with those that may at once. */
export async function resetSteps(tx: Tx, reruns: readonly Rerun[]): Promise<MovedStep[]> {
  const again = reruns.flatMap(rerunSteps);
  const ready = reruns.flatMap((rerun) =>
    rerunSteps(rerun).filter((step) => !step.needs.some((need) => rerun.agents.has(need))),
  );
  const isReady = new Set(ready);
  const idsOf = (steps: readonly PlannedStep[]) => steps.map((step) => step.id);
  const fresh = `failures = 0, progress = 0, output = NULL, skip_reason = NULL, step_key = NULL, worker_id = NULL,
    lease_until = NULL, error_code = NULL, error_message = NULL, error_detail = NULL, started_at = NULL,
    finished_at = NULL, not_before = now()`;
  if (again.length === 0) return [];
  await deleteResults(tx, [...new Set(again.map((step) => step.job_id))], idsOf(again));
  await moveStepsUntold(tx, 'resetBlocked', {
    where: 'id = ANY($1)',
    params: [idsOf(again.filter((step) => !isReady.has(step)))],
    set: `${fresh}, queued_at = NULL`,
  });
  return moveSteps(tx, 'reset', {
    where: 'id = ANY($1)',
    params: [idsOf(ready)],
    set: `${fresh}, queued_at = now()`,
  });
}
