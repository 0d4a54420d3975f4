import { Injectable, Logger } from '@nestjs/common';
import { AppError } from '../../platform/errors/app-error';
import { Db, type Tx } from '../../platform/postgres/db';
import { FlowChanges } from '../flow/flow-changes';
import { FlowEvents } from '../flow/flow-events';
import { StepEntries } from '../flow/queues/step-entries';
import { recordEvent } from '../flow/system-events';
import { isJobSettled, type MovedStep } from '../flow/transitions';
import { lockJob, readJob } from '../steps/step';
import { reasonOf } from '../../platform/errors/unavailable';

/** A job with another place in its queues. */
export interface PriorityResult {
  job_id: string;
  /** 1 (most urgent) to 10. */
  priority: number;
  /** What it was before. */
  previous: number;
  changed: boolean;
  /** Steps that wait for a worker, and change their place. */
  waiting_steps: number;
  /** Steps that come later, and will wait in that place. */
  later_steps: number;
}

/** Moves jobs forward and back in their queues. */
@Injectable()
export class JobPriority {
  private readonly log = new Logger(JobPriority.name);

  constructor(
    private readonly db: Db,
    private readonly entries: StepEntries,
    private readonly events: FlowEvents,
  ) {}

  /**
   * Gives the job and all of its steps another priority. Call {@link follow} after the commit.
   *
   * @throws AppError JOB_NOT_FOUND, INVALID_JOB_STATE
   */
  async set(tx: Tx, jobId: string, priority: number, ownerId?: string): Promise<PriorityResult> {
    const job = await lockJob(tx, jobId);
    if (!job || (ownerId && job.user_id !== ownerId)) throw new AppError('JOB_NOT_FOUND');
    if (isJobSettled(job.status))
      throw new AppError('INVALID_JOB_STATE', `The job is ${job.status}; nothing of it waits any more.`);
    await tx.execute('UPDATE jobs SET priority = $2, updated_at = now() WHERE id = $1', [jobId, priority]);
    // Running ones, too, which may be given back, and those that are over: a retry of the job may run them again.
    const steps = await tx.query<{ status: string }>(
      'UPDATE steps SET priority = $2, updated_at = now() WHERE job_id = $1 RETURNING status',
      [jobId, priority],
    );
    const changed = job.priority !== priority;
    if (changed)
      await recordEvent(tx, {
        level: 'info',
        event: 'job.priority_changed',
        message: `Job ${jobId} has priority ${priority} instead of ${job.priority}`,
        data: { priority, previous: job.priority },
        jobId,
        traceId: job.trace_id,
      });
    const count = (status: string) => steps.filter((step) => step.status === status).length;
    return {
      job_id: jobId,
      priority,
      previous: job.priority,
      changed,
      waiting_steps: count('queued'),
      later_steps: count('blocked'),
    };
  }

  /** Makes Bull order the job's waiting steps as Postgres says by now. What fails here the dispatcher does later. */
  async follow(jobId: string): Promise<void> {
    try {
      const job = await readJob(this.db, jobId);
      if (!job) return;
      await this.entries.reprioritise(
        await this.db.query<MovedStep>(
          `SELECT id, job_id, agent, attempt, priority, not_before FROM steps
            WHERE job_id = $1 AND status = 'queued'`,
          [jobId],
        ),
      );
      const changes = new FlowChanges();
      changes.addJob({ job_id: job.id, status: job.status, progress: job.progress, attempt: job.attempt });
      await this.events.committed(changes);
    } catch (error) {
      this.log.warn(`Bull will order the steps of job ${jobId} later: ${reasonOf(error)}`);
    }
  }
}
