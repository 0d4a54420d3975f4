import { Injectable } from '@nestjs/common';
import { Db, type Tx } from '../../platform/postgres/db';
import { FlowChanges } from '../flow/flow-changes';
import { FlowEvents } from '../flow/flow-events';
import type { StepTicket } from '../flow/queues/bull-queue';
import { WITHHELD } from '../flow/queues/queue-state';
import { isJobSettled, moveJob, moveSteps } from '../flow/transitions';
import { type JobRow, lockJob, readSteps, type StepRow } from './step';

/** How often a worker gives a sign of life for a step, in milliseconds. */
export const HEARTBEAT_MS = 3_000;
/** How long a worker owns a step without one, in seconds: who misses three is lost. */
export const LEASE_S = (3 * HEARTBEAT_MS) / 1_000;

/** An uploaded file of a job. */
export interface SourceRow {
  storage_key: string;
  filename: string;
  size_bytes: number;
  sha256: string | null;
}

/** A step that a worker owns, with all that it needs to run it. */
export interface Claim {
  job: JobRow;
  step: StepRow;
  /** All steps of the job at the time of the claim. */
  siblings: StepRow[];
  source: SourceRow | undefined;
  /** The subtitles that came with the job. */
  captions: SourceRow | undefined;
  workerId: string;
  /** How long the step was ready before it was taken, in milliseconds; by the clocks of Postgres and this host. */
  waitedMs: number;
}

/** What a sign of life was answered with. */
export type LeaseState = 'held' | 'cancelling' | 'lost';

/** The ownership of steps: taken by raising the attempt, kept by signs of life. */
@Injectable()
export class StepClaims {
  constructor(
    private readonly db: Db,
    private readonly events: FlowEvents,
  ) {}

  /**
   * Takes the step for this worker, beginning the attempt of the ticket. Undefined if it may not run now: it
   * was taken, cancelled, paused, held back by a drain, or the ticket is an old one.
   */
  async claim(ticket: StepTicket, workerId: string): Promise<Claim | undefined> {
    const changes = new FlowChanges();
    const claim = await this.db.transaction((tx) => this.claimIn(tx, ticket, workerId, changes));
    if (claim) void this.events.committed(changes);
    return claim;
  }

  private async claimIn(
    tx: Tx,
    ticket: StepTicket,
    workerId: string,
    changes: FlowChanges,
  ): Promise<Claim | undefined> {
    const job = await lockJob(tx, ticket.job_id);
    if (!job || isJobSettled(job.status) || job.cancel_requested_at) return undefined;
    const moved = await moveSteps(tx, 'claim', {
      // A second of tolerance, since Bull's clock for delays is not Postgres'.
      where: `id = $1 AND job_id = $2 AND attempt = $3 AND not_before <= now() + interval '1 second'
        AND NOT ${WITHHELD}`,
      params: [ticket.step_id, ticket.job_id, ticket.attempt - 1, workerId, LEASE_S],
      set: `attempt = attempt + 1, worker_id = $4, lease_until = now() + make_interval(secs => $5),
        started_at = now(), finished_at = NULL, progress = 0`,
    });
    const [taken] = moved;
    if (!taken) return undefined;
    changes.addSteps(moved);
    const started = await moveJob(tx, 'start', {
      where: 'id = $1',
      params: [job.id],
      set: 'started_at = coalesce(started_at, now())',
    });
    if (started) changes.addJob({ job_id: job.id, ...started, progress: job.progress });
    const siblings = await readSteps(tx, job.id);
    const step = siblings.find((row) => row.id === ticket.step_id);
    if (!step) return undefined;
    const waitedMs = Math.max(0, Date.now() - taken.not_before.getTime());
    const source = await readUpload(tx, job.upload_id);
    const captions = await readUpload(tx, job.captions_upload_id);
    return { job, step, siblings, source, captions, workerId, waitedMs };
  }

  /** Gives a sign of life for one attempt and learns whether it still counts. */
  async renew(stepId: string, attempt: number): Promise<LeaseState> {
    // One statement per step: locking several at once could meet a transaction that locks them the other way.
    const [row] = await this.db.query<{ cancelling: boolean }>(
      `UPDATE steps s SET lease_until = now() + make_interval(secs => $3) FROM jobs j
       WHERE s.id = $1 AND s.attempt = $2 AND s.status = 'processing' AND j.id = s.job_id
       RETURNING j.cancel_requested_at IS NOT NULL AS cancelling`,
      [stepId, attempt, LEASE_S],
    );
    if (!row) return 'lost';
    return row.cancelling ? 'cancelling' : 'held';
  }
}

async function readUpload(tx: Tx, uploadId: string | null): Promise<SourceRow | undefined> {
  if (uploadId === null) return undefined;
  const [source] = await tx.query<SourceRow>(
    `SELECT storage_key, filename, size_bytes, sha256 FROM uploads WHERE id = $1 AND storage_key IS NOT NULL`,
    [uploadId],
  );
  return source;
}
