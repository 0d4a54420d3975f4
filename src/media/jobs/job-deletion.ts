import { Injectable, Logger } from '@nestjs/common';
import { AppError } from '../../platform/errors/app-error';
import { LiveFeed } from '../../platform/feed/live-feed';
import { Db, type Tx } from '../../platform/postgres/db';
import { BlobStore } from '../../platform/storage/blob-store';
import { StepEntries } from '../flow/queues/step-entries';
import { recordEvent } from '../flow/system-events';
import { isJobSettled, type JobStatus, type MovedStep } from '../flow/transitions';
import { lockJob, readJob } from '../steps/step';
import { releaseUploads } from '../uploads/upload-use';
import { JobCancellation } from './job-cancellation';
import { reasonOf } from '../../platform/errors/unavailable';

/** What there is of a job. */
export interface JobBelongings {
  job_id: string;
  status: JobStatus;
  steps: number;
  clips: number;
  files: number;
}

/** What was removed of a job. Its upload stays for a while: other jobs may be made of it. */
export interface DeleteResult extends Omit<JobBelongings, 'status'> {
  bytes_freed: number;
}

/** Removes jobs with all that they produced. */
@Injectable()
export class JobDeletion {
  private readonly log = new Logger(JobDeletion.name);

  constructor(
    private readonly db: Db,
    private readonly blobs: BlobStore,
    private readonly cancellation: JobCancellation,
    private readonly entries: StepEntries,
    private readonly feed: LiveFeed,
  ) {}

  /** What deleting the job would remove, and whether that needs force. @throws AppError JOB_NOT_FOUND */
  async belongings(jobId: string, ownerId?: string, tx: Tx = this.db): Promise<JobBelongings> {
    const [row] = await tx.query<JobBelongings & { user_id: string }>(
      `SELECT j.id AS job_id, j.status, j.user_id,
              (SELECT count(*) FROM steps s WHERE s.job_id = j.id) AS steps,
              (SELECT count(*) FROM clips c WHERE c.job_id = j.id) AS clips,
              (SELECT count(*) FROM artifacts a WHERE a.job_id = j.id) AS files
         FROM jobs j WHERE j.id = $1`,
      [jobId],
    );
    if (!row || (ownerId && row.user_id !== ownerId)) throw new AppError('JOB_NOT_FOUND');
    const { job_id, status, steps, clips, files } = row;
    return { job_id, status, steps, clips, files };
  }

  /**
   * Before a deletion by force: cancels the job if it is not over, and waits until it is.
   *
   * @throws AppError JOB_NOT_FOUND, INVALID_JOB_STATE (its running step does not end)
   */
  async end(jobId: string, options: { ownerId?: string; reason?: string }): Promise<void> {
    const job = await readJob(this.db, jobId);
    if (!job || (options.ownerId && job.user_id !== options.ownerId)) throw new AppError('JOB_NOT_FOUND');
    if (isJobSettled(job.status)) return;
    const { status } = await this.cancellation.cancel(jobId, options).catch((error: unknown) => {
      // It has ended by itself meanwhile.
      if (error instanceof AppError && error.code === 'INVALID_JOB_STATE') return { status: 'completed' };
      throw error;
    });
    if (status === 'cancelling')
      throw new AppError('INVALID_JOB_STATE', 'A step of the job still runs and was told to end; try again.');
  }

  /**
   * Removes a finished job. Files go last, while the job is locked: a deletion that is cut off leaves the job there,
   * to be deleted again. Call {@link announce} after the commit.
   *
   * @throws AppError JOB_NOT_FOUND, INVALID_JOB_STATE
   */
  async remove(tx: Tx, jobId: string, ownerId?: string): Promise<DeleteResult> {
    const job = await lockJob(tx, jobId);
    if (!job || (ownerId && job.user_id !== ownerId)) throw new AppError('JOB_NOT_FOUND');
    if (!isJobSettled(job.status))
      throw new AppError('INVALID_JOB_STATE', `The job is ${job.status}; cancel it first, or use force.`);
    const { steps, clips, files } = await this.belongings(jobId, ownerId, tx);
    const entries = await tx.query<MovedStep>(
      'SELECT id, job_id, agent, attempt, priority, not_before FROM steps WHERE job_id = $1',
      [jobId],
    );
    // In this order: clips are made of files, and nothing may be left that names one.
    await tx.execute('DELETE FROM clips WHERE job_id = $1', [jobId]);
    await tx.execute('DELETE FROM artifacts WHERE job_id = $1', [jobId]);
    await tx.execute('DELETE FROM jobs WHERE id = $1', [jobId]);
    await releaseUploads(
      tx,
      [job.upload_id, job.captions_upload_id].filter((id) => id !== null),
    );
    await recordEvent(tx, {
      level: 'info',
      event: 'job.deleted',
      message: `Job ${jobId} was deleted`,
      data: { status: job.status, steps, clips, files },
      jobId,
      traceId: job.trace_id,
    });
    await this.removeEntries(entries);
    const bytesFreed = await this.blobs.deletePrefix(`jobs/${jobId}`);
    return { job_id: jobId, steps, clips, files, bytes_freed: bytesFreed };
  }

  /** Tells those who watch. */
  async announce(jobId: string): Promise<void> {
    await Promise.all([
      this.feed.publish('jobs', { job_id: jobId, status: 'deleted' }),
      this.feed.publish(`job:${jobId}`, { kind: 'job', job_id: jobId, status: 'deleted' }),
    ]);
  }

  private async removeEntries(steps: readonly MovedStep[]): Promise<void> {
    try {
      await this.entries.remove(steps);
    } catch (error) {
      // What stays behind in Bull is refused when a worker wants to claim it.
      this.log.warn(`Entries of a deleted job stay in Redis for now: ${reasonOf(error)}`);
    }
  }
}
