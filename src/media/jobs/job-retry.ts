import { Injectable } from '@nestjs/common';
import { AppError } from '../../platform/errors/app-error';
import { Db, type Tx } from '../../platform/postgres/db';
import { BlobStore } from '../../platform/storage/blob-store';
import { AgentRegistry } from '../flow/agent-registry';
import { withDependents } from '../flow/graph';
import { weightedProgress } from '../flow/progress';
import { keyOfStep } from '../flow/step-key';
import { recordEvent } from '../flow/system-events';
import { isStepDone, moveJob, moveSteps } from '../flow/transitions';
import { deleteResults } from '../steps/step-results';
import { lockJob, readJob, readSteps, type StepRow } from '../steps/step';

/** From where a retried job goes on: from what failed, or from nothing. */
export type RetryFrom = 'failed_step' | 'start';

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
    private readonly agents: AgentRegistry,
    private readonly blobs: BlobStore,
  ) {}

  /**
   * Queues the job again as a new attempt. The caller dispatches it after the commit.
   *
   * @throws AppError JOB_NOT_FOUND, INVALID_JOB_STATE
   */
  async retry(jobId: string, options: { from: RetryFrom; ownerId?: string; tx?: Tx }): Promise<RetryResult> {
    // Looking at files takes its time, so it is done before the job is locked.
    const rerun = await this.toRerun(options.tx ?? this.db, jobId, options.from);
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
    rerun: ReadonlySet<string>,
    options: { from: RetryFrom; ownerId?: string },
  ): Promise<RetryResult> {
    const job = await lockJob(tx, jobId);
    if (!job || (options.ownerId && job.user_id !== options.ownerId)) throw new AppError('JOB_NOT_FOUND');
    const steps = await readSteps(tx, jobId);
    const moved = await moveJob(tx, 'retry', {
      where: 'id = $1',
      params: [jobId, this.progressWithout(steps, rerun)],
      set: `attempt = attempt + 1, progress = $2, error_code = NULL, error_message = NULL, started_at = NULL,
        finished_at = NULL, cancel_requested_at = NULL, cancel_reason = NULL`,
    });
    if (!moved)
      throw new AppError(
        'INVALID_JOB_STATE',
        `The job is ${job.status}; only failed and cancelled jobs are retried.`,
      );
    await this.reset(tx, steps, rerun);
    await recordEvent(tx, {
      level: 'info',
      event: 'job.retried',
      message: `Job ${jobId} was queued again as attempt ${moved.attempt}`,
      data: { from: options.from, rerun_steps: [...rerun] },
      jobId,
      traceId: job.trace_id,
    });
    const names = (wanted: boolean) =>
      steps.filter((step) => rerun.has(step.agent) === wanted).map((step) => step.agent);
    return {
      job_id: jobId,
      status: 'queued',
      attempt: moved.attempt,
      kept_steps: names(false),
      rerun_steps: names(true),
    };
  }

  private async reset(tx: Tx, steps: readonly StepRow[], rerun: ReadonlySet<string>): Promise<void> {
    const again = steps.filter((step) => rerun.has(step.agent));
    const isReady = (step: StepRow) => !step.needs.some((need) => rerun.has(need));
    const fresh = `failures = 0, progress = 0, output = NULL, skip_reason = NULL, step_key = NULL, worker_id = NULL,
      lease_until = NULL, error_code = NULL, error_message = NULL, error_detail = NULL, started_at = NULL,
      finished_at = NULL, not_before = now()`;
    const ids = (rows: readonly StepRow[]) => [rows.map((step) => step.id)];
    const [job] = again;
    if (job) await deleteResults(tx, job.job_id, ids(again)[0] ?? []);
    await moveSteps(tx, 'reset', {
      where: 'id = ANY($1)',
      params: ids(again.filter(isReady)),
      set: `${fresh}, queued_at = now()`,
    });
    await moveSteps(tx, 'resetBlocked', {
      where: 'id = ANY($1)',
      params: ids(again.filter((step) => !isReady(step))),
      set: `${fresh}, queued_at = NULL`,
    });
  }

  /** The agents whose steps must run again, with all that depends on them. */
  private async toRerun(tx: Tx, jobId: string, from: RetryFrom): Promise<Set<string>> {
    const steps = await readSteps(tx, jobId);
    const all = steps.map((step) => step.agent);
    if (from === 'start') return new Set(all);
    const source = await this.sourceSha256(tx, jobId);
    const stale: string[] = [];
    for (const step of steps) {
      const good =
        isStepDone(step.status) && this.isCurrent(step, steps, source) && (await this.hasFiles(tx, step));
      if (!good) stale.push(step.agent);
    }
    const rerun = withDependents(steps, stale);
    // A job that ended with all of its steps done has something to do again nevertheless: its last step.
    return rerun.size > 0 ? rerun : new Set(all.slice(-1));
  }

  /** Whether the agent, its settings and its inputs are still those that the output was made with. */
  private isCurrent(step: StepRow, steps: readonly StepRow[], source: string | null): boolean {
    return step.step_key === keyOfStep(step, steps, source, this.agents);
  }

  private async hasFiles(tx: Tx, step: StepRow): Promise<boolean> {
    const files = await tx.query<{ storage_key: string; size_bytes: number }>(
      'SELECT storage_key, size_bytes FROM artifacts WHERE step_id = $1',
      [step.id],
    );
    for (const file of files)
      if ((await this.blobs.stat(file.storage_key))?.size !== file.size_bytes) return false;
    return true;
  }

  private async sourceSha256(tx: Tx, jobId: string): Promise<string | null> {
    const [row] = await tx.query<{ sha256: string | null }>(
      'SELECT u.sha256 FROM jobs j JOIN uploads u ON u.id = j.upload_id WHERE j.id = $1',
      [jobId],
    );
    return row?.sha256 ?? null;
  }

  private progressWithout(steps: readonly StepRow[], rerun: ReadonlySet<string>): number {
    const kept = steps.map((step): Pick<StepRow, 'agent' | 'status' | 'progress'> =>
      rerun.has(step.agent) ? { agent: step.agent, status: 'blocked', progress: 0 } : step,
    );
    return weightedProgress(kept, (agent) => this.agents.weightOf(agent));
  }
}
