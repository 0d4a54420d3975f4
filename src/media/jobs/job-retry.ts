import { Injectable } from '@nestjs/common';
import { AppError } from '../../platform/errors/app-error';
import { Db, type Tx } from '../../platform/postgres/db';
import { idArray } from '../../platform/postgres/id-lists';
import { recordEvent } from '../flow/system-events';
import { isStepDone, moveJob, type MovedStep, moveManySteps, moveStepsUntold } from '../flow/transitions';
import { lockJob, readJob, readSteps } from '../steps/step';
import { deleteResults } from '../steps/step-results';
import { type JobRerun, type Rerun, RerunPlan, type RetryFrom } from './rerun-plan';

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
    const tx = options.tx ?? this.db;
    // Looking at files takes its time, so it is done before the job is locked.
    const attempt = (await readJob(tx, jobId))?.attempt;
    const planned = { attempt, rerun: await this.rerunOf(tx, jobId, options.from) };
    const work = (tx: Tx) => this.retryIn(tx, jobId, planned, options);
    return options.tx ? work(options.tx) : this.db.transaction(work);
  }

  private async rerunOf(tx: Tx, jobId: string, from: RetryFrom): Promise<JobRerun> {
    const plans = await this.plan.of(tx, [jobId], from);
    return plans.get(jobId) ?? { steps: [], agents: [], first: [], progress: 0 };
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
    planned: { attempt?: number; rerun: JobRerun },
    options: { from: RetryFrom; ownerId?: string },
  ): Promise<RetryResult> {
    const job = await lockJob(tx, jobId);
    if (!job || (options.ownerId && job.user_id !== options.ownerId)) throw new AppError('JOB_NOT_FOUND');
    // Somebody retried it since it was looked at, and it ended anew: what was found out does not hold.
    const stale = job.attempt !== planned.attempt;
    const rerun = stale ? await this.rerunOf(tx, jobId, options.from) : planned.rerun;
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
    const again = rerun.steps.filter((step) => rerun.agents.includes(step.agent));
    await deleteResults(
      tx,
      [jobId],
      again.map((step) => step.id),
    );
    await resetSteps(tx, [jobId], rerun);
    await recordEvent(tx, {
      level: 'info',
      event: 'job.retried',
      message: `Job ${jobId} was queued again as attempt ${moved.attempt}`,
      data: { from: options.from, rerun_steps: rerun.agents },
      jobId,
      traceId: job.trace_id,
    });
    return {
      job_id: jobId,
      status: 'queued',
      attempt: moved.attempt,
      kept_steps: rerun.steps.map((step) => step.agent).filter((agent) => !rerun.agents.includes(agent)),
      rerun_steps: [...rerun.agents],
    };
  }
}

const FRESH = `failures = 0, progress = 0, output = NULL, skip_reason = NULL, step_key = NULL, worker_id = NULL,
  lease_until = NULL, error_code = NULL, error_message = NULL, error_detail = NULL, started_at = NULL,
  finished_at = NULL, put_off_since = NULL, not_before = now()`;

/** Makes steps of jobs run again, whose results are gone; answers with those that may at once. */
export async function resetSteps(
  tx: Tx,
  jobIds: readonly string[],
  { agents, first }: Rerun,
): Promise<MovedStep[]> {
  const where = 'job_id = ANY($1) AND agent = ANY($2)';
  const jobs = idArray(jobIds);
  const later = agents.filter((agent) => !first.includes(agent));
  await moveStepsUntold(tx, 'resetBlocked', {
    where,
    params: [jobs, later],
    set: `${FRESH}, queued_at = NULL`,
  });
  return moveManySteps(tx, 'reset', { where, params: [jobs, first], set: `${FRESH}, queued_at = now()` });
}
