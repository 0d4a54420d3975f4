import { Inject, Injectable } from '@nestjs/common';
import type { JobStatus } from '../../media/flow/transitions';
import { Db } from '../../platform/postgres/db';
import { countUpTo } from '../counting';
import type { Slice, Total } from '../paging.dto';
import { type JobFilter, jobConditions } from './job-filter';

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
    const conditions = jobConditions(filter).add(slice.after, (place) => `id < ${place}::uuid`);
    return this.db.query<JobRow>(
      `SELECT ${JOB_COLUMNS} FROM jobs WHERE ${conditions.sql}
       ORDER BY id DESC LIMIT ${conditions.place(slice.limit)} OFFSET ${conditions.place(slice.offset)}`,
      conditions.params,
    );
  }

  /** How many jobs the list has. */
  total(filter: JobFilter): Promise<Total> {
    const { sql, params } = jobConditions(filter);
    return countUpTo(this.db, `jobs WHERE ${sql}`, params);
  }

  /** Whether there is such an account. */
  async userExists(userId: string): Promise<boolean> {
    return (await this.db.query('SELECT FROM users WHERE id = $1', [userId])).length > 0;
  }
}
