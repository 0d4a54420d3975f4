import { Injectable, Logger } from '@nestjs/common';
import { Db, type Tx } from '../../../platform/postgres/db';
import { JobCancellation } from '../../jobs/job-cancellation';
import type { MovedStep } from '../transitions';
import { StepEntries } from './step-entries';

/** Steps that are read in one go. */
const CHUNK = 200;
/** What is still to be looked at. */
const WAITING = `agent = $1 AND status = 'queued' AND ($2::uuid[] IS NULL OR job_id = ANY($2))
  AND queued_at <= $3::timestamptz AND job_id > $4`;

/** How far a clearing is; with it, it can be gone on with. */
export interface Clearing {
  cancelled_jobs: number;
  /** Entries taken out of Redis; what stays there is refused when a worker wants it. */
  removed_entries: number;
  /** What waited for the queue before this, and comes after this job, is still to be looked at. */
  until: string;
  after: string;
  /** The jobs that waited when it began. */
  total: number;
}

/** How to clear a queue. */
export interface ClearOptions {
  /** What the jobs are cancelled with. */
  reason?: string;
  /** Only these jobs (frozen by a preview). */
  jobIds?: readonly string[];
  /** Where an earlier clearing was. */
  from?: Clearing;
  /** Called in the transaction of each job that is cancelled, with how far it is then. */
  onCancelled?: (state: Clearing, tx: Tx) => Promise<void>;
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/** Cancels the jobs whose steps wait for a queue, one transaction each. */
@Injectable()
export class QueueClearing {
  private readonly log = new Logger(QueueClearing.name);

  constructor(
    private readonly db: Db,
    private readonly entries: StepEntries,
    private readonly cancellation: JobCancellation,
  ) {}

  /** Clears the queue; what comes to it meanwhile stays. @returns with how many are left, if it was stopped */
  async run(queue: string, options: ClearOptions): Promise<Clearing & { left: number }> {
    const { jobIds, signal, onProgress } = options;
    const reason = options.reason ?? `The queue ${queue} was cleared`;
    let state = options.from ?? (await this.begin(queue, jobIds));
    for (;;) {
      const steps = await this.waiting(queue, state, jobIds);
      const taken: MovedStep[] = [];
      for (const step of steps) {
        if (signal?.aborted) break;
        const next = { ...state, cancelled_jobs: state.cancelled_jobs + 1, after: step.job_id };
        const did = await this.cancellation.cancelWaiting(step, reason, async (tx) => {
          await options.onCancelled?.(next, tx);
        });
        state = did ? next : { ...state, after: step.job_id };
        if (did) taken.push(step);
        onProgress?.(state.cancelled_jobs, state.total);
      }
      state = { ...state, removed_entries: state.removed_entries + (await this.removeEntries(taken)) };
      if (steps.length === 0) return { ...state, left: 0 };
      if (signal?.aborted) return { ...state, left: await this.count(queue, state, jobIds) };
    }
  }

  private async begin(queue: string, jobIds?: readonly string[]): Promise<Clearing> {
    const [now] = await this.db.query<{ until: string }>('SELECT now()::text AS until');
    if (!now) throw new Error('Postgres does not tell the time');
    const after = '00000000-0000-0000-0000-000000000000';
    const state = { cancelled_jobs: 0, removed_entries: 0, until: now.until, after, total: 0 };
    return { ...state, total: await this.count(queue, state, jobIds) };
  }

  private waiting(queue: string, state: Clearing, jobIds?: readonly string[]): Promise<MovedStep[]> {
    return this.db.query<MovedStep>(
      `SELECT id, job_id, agent, status, attempt, priority, progress, not_before FROM steps
        WHERE ${WAITING} ORDER BY job_id LIMIT ${CHUNK}`,
      [queue, jobIds ?? null, state.until, state.after],
    );
  }

  private async count(queue: string, state: Clearing, jobIds?: readonly string[]): Promise<number> {
    const [row] = await this.db.query<{ total: number }>(
      `SELECT count(*) AS total FROM steps WHERE ${WAITING}`,
      [queue, jobIds ?? null, state.until, state.after],
    );
    return row?.total ?? 0;
  }

  private async removeEntries(steps: readonly MovedStep[]): Promise<number> {
    if (steps.length === 0) return 0;
    try {
      return await this.entries.remove(steps);
    } catch (error) {
      // What stays behind in Bull is refused when a worker wants to claim it.
      this.log.warn(`Entries of cancelled steps stay in Redis for now: ${(error as Error).message}`);
      return 0;
    }
  }
}
