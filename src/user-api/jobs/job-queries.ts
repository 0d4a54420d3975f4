import { Inject, Injectable } from '@nestjs/common';
import type { JobStatus } from '../../media/flow/transitions';
import { Db } from '../../platform/postgres/db';
import { countUpTo } from '../counting';
import type { Slice, Total } from '../paging.dto';

/** A row of `jobs`, as far as it is shown. */
export interface JobRow {
  id: string;
  user_id: string;
  upload_id: string | null;
  title: string;
  status: JobStatus;
  priority: number;
  attempt: number;
  progress: number;
  error_code: string | null;
  error_message: string | null;
  created_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
}

/** The rest of it, for one job. */
export interface JobDetailRow extends JobRow {
  settings: Record<string, unknown>;
  cancel_requested_at: Date | null;
  cancel_reason: string | null;
  trace_id: string | null;
  clip_count: number;
}

/** A row of `steps`, as far as it is shown. */
export interface StepRow {
  id: string;
  agent: string;
  status: string;
  progress: number;
  attempt: number;
  max_attempts: number;
  needs: string[];
  skip_reason: string | null;
  error_code: string | null;
  error_message: string | null;
  started_at: Date | null;
  finished_at: Date | null;
}

/** Which jobs a list has. */
export interface JobFilter {
  userId?: string;
  status?: JobStatus;
}

const JOB_COLUMNS = `id, user_id, upload_id, title, status, priority, attempt, progress, error_code, error_message,
  created_at, started_at, finished_at`;

/** Reads jobs for the user API. Lists walk an index in the order of ids, which is the order of creation. */
@Injectable()
export class JobQueries {
  constructor(@Inject(Db) private readonly db: Db) {}

  /** The job with its steps, if it exists and, where an owner is given, is theirs. */
  async find(jobId: string, ownerId?: string): Promise<{ job: JobDetailRow; steps: StepRow[] } | undefined> {
    const [job] = await this.db.query<JobDetailRow>(
      `SELECT ${JOB_COLUMNS}, settings, cancel_requested_at, cancel_reason, trace_id,
         (SELECT count(*)::int FROM clips WHERE job_id = jobs.id) AS clip_count
       FROM jobs WHERE id = $1 AND ($2::uuid IS NULL OR user_id = $2)`,
      [jobId, ownerId ?? null],
    );
    if (!job) return undefined;
    const steps = await this.db.query<StepRow>(
      `SELECT id, agent, status, progress, attempt, max_attempts, needs, skip_reason, error_code, error_message,
         started_at, finished_at
       FROM steps WHERE job_id = $1 ORDER BY position`,
      [jobId],
    );
    return { job, steps };
  }

  /** Whether the job exists and, where an owner is given, is theirs. */
  async exists(jobId: string, ownerId?: string): Promise<boolean> {
    const rows = await this.db.query(
      'SELECT FROM jobs WHERE id = $1 AND ($2::uuid IS NULL OR user_id = $2)',
      [jobId, ownerId ?? null],
    );
    return rows.length > 0;
  }

  /** A part of the list, newest first. */
  list(filter: JobFilter, slice: Slice): Promise<JobRow[]> {
    const { where, params } = conditions(filter);
    params.push(slice.after ?? null, slice.limit, slice.offset);
    const [after, limit, offset] = [params.length - 2, params.length - 1, params.length];
    return this.db.query<JobRow>(
      `SELECT ${JOB_COLUMNS} FROM jobs ${where} AND ($${after}::uuid IS NULL OR id < $${after})
       ORDER BY id DESC LIMIT $${limit} OFFSET $${offset}`,
      params,
    );
  }

  /** How many jobs the list has. */
  total(filter: JobFilter): Promise<Total> {
    const { where, params } = conditions(filter);
    return countUpTo(this.db, `jobs ${where}`, params);
  }
}

/** Only the conditions that apply, so that the planner finds the index that fits. */
function conditions(filter: JobFilter): { where: string; params: unknown[] } {
  const params: unknown[] = [];
  const parts = ['true'];
  const add = (value: string | undefined, condition: (place: string) => string) => {
    if (value === undefined) return;
    params.push(value);
    parts.push(condition(`$${params.length}`));
  };
  add(filter.userId, (place) => `user_id = ${place}`);
  add(filter.status, (place) => `status = ${place}`);
  return { where: `WHERE ${parts.join(' AND ')}`, params };
}
