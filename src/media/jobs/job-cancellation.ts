import { Injectable } from '@nestjs/common';
import { AppError } from '../../platform/errors/app-error';
import { MessageBus } from '../../platform/messages/message-bus';
import { Db, type Tx } from '../../platform/postgres/db';
import { JobAdvance } from '../flow/advance-job';
import { abortsOf, FlowChanges } from '../flow/flow-changes';
import { FlowEvents } from '../flow/flow-events';
import { isJobSettled, type JobStatus } from '../flow/transitions';
import { type JobRow, lockJob, readJob, readSteps } from '../steps/step';

/** How long a canceller waits for the running step's process to be gone, in milliseconds. */
const WAIT_MS = 5_000;
/** How often it looks, besides waiting for the message that the job has ended, in milliseconds. */
const LOOK_MS = 250;

/** What became of a cancelled job so far; `cancelling`: its running step has been told, and has not ended yet. */
export interface CancelResult {
  job_id: string;
  status: JobStatus | 'cancelling';
}

/** Cancels jobs: a waiting one at once, a processing one when the process of its step is gone. */
@Injectable()
export class JobCancellation {
  constructor(
    private readonly db: Db,
    private readonly advance: JobAdvance,
    private readonly events: FlowEvents,
    private readonly bus: MessageBus,
  ) {}

  /**
   * Cancels the job and waits up to 5 s until that is done.
   *
   * @throws AppError JOB_NOT_FOUND, INVALID_JOB_STATE
   */
  async cancel(jobId: string, options: { ownerId?: string; reason?: string } = {}): Promise<CancelResult> {
    await this.request(jobId, options);
    return this.settled(jobId);
  }

  /**
   * Cancels the job, or asks its workers to. Within the caller's transaction (`tx`) nobody is told yet: call
   * {@link settled} after the commit, which tells them and waits.
   *
   * @throws AppError JOB_NOT_FOUND, INVALID_JOB_STATE
   */
  async request(
    jobId: string,
    options: { ownerId?: string; reason?: string; tx?: Tx },
  ): Promise<CancelResult> {
    const changes = new FlowChanges();
    const work = async (tx: Tx): Promise<CancelResult> => {
      const job = await lockJob(tx, jobId);
      if (!job || (options.ownerId && job.user_id !== options.ownerId)) throw new AppError('JOB_NOT_FOUND');
      if (isJobSettled(job.status))
        throw new AppError('INVALID_JOB_STATE', `The job is ${job.status} and cannot be cancelled.`);
      return this.cancelIn(tx, job, options.reason ?? 'Cancelled on request', changes);
    };
    if (options.tx) return work(options.tx);
    const result = await this.db.transaction(work);
    await this.events.committed(changes);
    return result;
  }

  /**
   * After a request: tells the workers of the job's running steps to end them, and waits up to 5 s for that.
   * Harmless to call more than once. With `announce` (after a request in a transaction of the caller) it also
   * tells those who watch, if the job was cancelled at once.
   */
  async settled(jobId: string, options: { announce?: boolean } = {}): Promise<CancelResult> {
    if (options.announce) await this.announce(jobId);
    const wake = new Wake();
    const stopListening = this.bus.on('job.settled', (message) => {
      if (message.job_id === jobId) wake.now();
    });
    try {
      const deadline = performance.now() + WAIT_MS;
      for (let told = false; ; told = true) {
        const job = await readJob(this.db, jobId);
        // It was cancelled, and has been retried or deleted since: what runs of it now is not to end.
        if (!job?.cancel_requested_at) return { job_id: jobId, status: 'cancelled' };
        if (isJobSettled(job.status)) return { job_id: jobId, status: job.status };
        if (performance.now() >= deadline) return { job_id: jobId, status: 'cancelling' };
        if (!told) await this.tellWorkers(jobId);
        await wake.within(LOOK_MS);
      }
    } finally {
      stopListening();
    }
  }

  private async tellWorkers(jobId: string): Promise<void> {
    const steps = await readSteps(this.db, jobId);
    for (const abort of abortsOf(steps, 'cancel')) await this.bus.publish('step.abort', abort);
  }

  private async announce(jobId: string): Promise<void> {
    const job = await readJob(this.db, jobId);
    if (!job || !isJobSettled(job.status)) return;
    const changes = new FlowChanges();
    changes.addJob({ job_id: job.id, status: job.status, progress: job.progress, attempt: job.attempt });
    await this.events.committed(changes);
  }

  private async cancelIn(tx: Tx, job: JobRow, reason: string, changes: FlowChanges): Promise<CancelResult> {
    // A second request changes neither the time nor the reason of the first.
    if (!job.cancel_requested_at) {
      await tx.execute(
        'UPDATE jobs SET cancel_requested_at = now(), cancel_reason = $2, updated_at = now() WHERE id = $1',
        [job.id, reason],
      );
    }
    const requested = { ...job, cancel_requested_at: job.cancel_requested_at ?? new Date() };
    await this.advance.advance(tx, { ...requested, cancel_reason: job.cancel_reason ?? reason }, changes);
    const status = changes.jobs.get(job.id)?.status;
    if (status === 'cancelled') return { job_id: job.id, status };
    const steps = await readSteps(tx, job.id);
    changes.aborts.push(...abortsOf(steps, 'cancel'));
    return { job_id: job.id, status: 'cancelling' };
  }
}

/** A wait that can be cut short. */
class Wake {
  private resolve?: () => void;

  now(): void {
    this.resolve?.();
  }

  within(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.resolve = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
