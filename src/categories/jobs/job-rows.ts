import { Inject, Injectable } from '@nestjs/common';
import { Db } from '../../platform/postgres/db';
import { filterCondition, type JobFilter } from './job-filter.dto';

/** How many jobs are read at a time: what memory an export takes, whatever its length. */
const PAGE = 2_000;

/** A step, as it is exported. */
export interface ExportedStep {
  agent: string;
  status: string;
  attempt: number;
  error_code: string | null;
  started_at: string | null;
  finished_at: string | null;
}

/** A job, as it is exported. Times are ISO 8601. */
export interface ExportedJob {
  job_id: string;
  user_id: string;
  title: string;
  status: string;
  priority: number;
  attempt: number;
  progress: number;
  error_code: string | null;
  error_message: string | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  steps?: ExportedStep[];
}

const ISO = (column: string) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
const STEPS = `(SELECT coalesce(json_agg(json_build_object('agent', s.agent, 'status', s.status, 'attempt', s.attempt,
    'error_code', s.error_code, 'started_at', ${ISO('s.started_at')}, 'finished_at', ${ISO('s.finished_at')})
    ORDER BY s.position), '[]') FROM steps s WHERE s.job_id = j.id)`;

/** Reads jobs page by page along their ids, so that neither memory nor a long transaction is needed. */
@Injectable()
export class JobRows {
  constructor(@Inject(Db) private readonly db: Db) {}

  /** How many jobs fit. */
  async count(filter: JobFilter): Promise<number> {
    const { sql, params } = filterCondition(filter);
    const [row] = await this.db.query<{ total: number }>(
      `SELECT count(*) AS total FROM jobs j WHERE ${sql}`,
      params,
    );
    return Math.min(row?.total ?? 0, filter.limit ?? Infinity);
  }

  /** The jobs that fit, oldest first, in pages. */
  async *pages(filter: JobFilter, includeSteps: boolean): AsyncGenerator<ExportedJob[]> {
    const { sql, params } = filterCondition(filter, 3);
    let left = filter.limit ?? Infinity;
    let after = '00000000-0000-0000-0000-000000000000';
    while (left > 0) {
      const rows = await this.db.query<ExportedJob>(
        `SELECT j.id AS job_id, j.user_id, j.title, j.status, j.priority, j.attempt, j.progress, j.error_code,
                j.error_message, ${ISO('j.created_at')} AS created_at, ${ISO('j.started_at')} AS started_at,
                ${ISO('j.finished_at')} AS finished_at ${includeSteps ? `, ${STEPS} AS steps` : ''}
           FROM jobs j WHERE j.id > $1 AND ${sql} ORDER BY j.id LIMIT $2`,
        [after, Math.min(PAGE, left), ...params],
      );
      if (rows.length === 0) return;
      yield rows;
      left -= rows.length;
      after = rows.at(-1)?.job_id ?? after;
    }
  }
}
