import { Inject, Injectable } from '@nestjs/common';
import { JOB_STATUSES, type JobStatus } from '../../media/flow/transitions';
import { Db } from '../../platform/postgres/db';
import { firstIdOf } from '../../platform/postgres/uuid-time';
import { Conditions } from '../conditions';
import { cappedCount, countUpTo, orEstimate } from '../counting';
import type { Total } from '../paging.dto';
import { type JobFilter, jobConditions } from './job-filter';
import type { FailureCause, JobStats, Spread, StatusCounts } from './job-statistics.dto';

/** Times and causes are those of so many of the newest jobs at most. */
const SAMPLE = 1_000;

/** Of whose jobs, and of which time. */
export type StatisticsScope = Pick<JobFilter, 'userId' | 'from' | 'before'>;

interface TimesRow {
  sample: number;
  run: number[] | null;
  wait: number[] | null;
}

/** Numbers about jobs, none of which walks over more than a few thousand rows, however many jobs there are. */
@Injectable()
export class JobStatistics {
  constructor(@Inject(Db) private readonly db: Db) {}

  /** The numbers of a scope. @param known how many jobs are in which state, from where that costs less */
  async of(scope: StatisticsScope, known?: Promise<StatusCounts>): Promise<JobStats> {
    const [jobs, clips, times] = await Promise.all([
      known ?? this.counts(scope),
      this.clips(scope),
      this.times(scope),
    ]);
    const ended = jobs.completed + jobs.failed;
    return {
      jobs,
      success_rate: ended === 0 ? null : round(jobs.completed / ended, 4),
      clips: clips.count,
      clips_is_estimate: clips.estimated,
      duration_s: spread(times.run, times.sample),
      wait_s: spread(times.wait, times.sample),
    };
  }

  /** How many jobs are in which state. */
  async counts(scope: StatisticsScope): Promise<StatusCounts> {
    const { sql, params } = jobConditions(scope);
    const parts = JOB_STATUSES.map((status) => ({
      status,
      from: `jobs WHERE status = '${status}' AND ${sql}`,
    }));
    const [row] = await this.db.query<Record<JobStatus, number>>(
      `SELECT ${parts.map(({ status, from }) => `${cappedCount(from)} AS ${status}`).join(', ')}`,
      params,
    );
    const totals = await Promise.all(
      parts.map(async ({ status, from }) => ({
        status,
        ...(await orEstimate(this.db, row?.[status] ?? 0, from, params)),
      })),
    );
    const of = (status: JobStatus) => totals.find((total) => total.status === status)?.count ?? 0;
    return statusCounts(
      of,
      totals.some(({ estimated }) => estimated),
    );
  }

  /** Why jobs failed, the commonest cause first; of the newest 1,000 failures. */
  causes(scope: StatisticsScope): Promise<FailureCause[]> {
    const { sql, params } = jobConditions({ ...scope, status: 'failed' });
    return this.db.query<FailureCause>(
      `SELECT coalesce(error_code, 'UNKNOWN') AS error_code, max(error_message) AS message, count(*)::int AS count
         FROM (SELECT error_code, error_message FROM jobs WHERE ${sql} ORDER BY id DESC LIMIT ${SAMPLE}) AS newest
        GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT 10`,
      params,
    );
  }

  private clips({ userId, from, before }: StatisticsScope): Promise<Total> {
    const { sql, params } = new Conditions()
      .add(userId, (place) => `user_id = ${place}::uuid`)
      .add(from && firstIdOf(from), (place) => `id >= ${place}::uuid`)
      .add(before && firstIdOf(before), (place) => `id < ${place}::uuid`);
    return countUpTo(this.db, `clips WHERE ${sql}`, params);
  }

  private async times(scope: StatisticsScope): Promise<TimesRow> {
    const { sql, params } = jobConditions({ ...scope, status: 'completed' });
    const [row] = await this.db.query<TimesRow>(
      `SELECT count(*)::int AS sample,
         percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at)) AS run,
         percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - created_at)) AS wait
       FROM (SELECT created_at, started_at, finished_at FROM jobs WHERE ${sql} ORDER BY id DESC LIMIT ${SAMPLE}) AS newest
       WHERE started_at IS NOT NULL AND finished_at IS NOT NULL`,
      params,
    );
    return row ?? { sample: 0, run: null, wait: null };
  }
}

/** The sums of what is in which state. */
export function statusCounts(of: (status: JobStatus) => number, isEstimate: boolean): StatusCounts {
  return {
    total: JOB_STATUSES.reduce((sum, status) => sum + of(status), 0),
    active: of('queued') + of('processing'),
    queued: of('queued'),
    processing: of('processing'),
    completed: of('completed'),
    failed: of('failed'),
    cancelled: of('cancelled'),
    is_estimate: isEstimate,
  };
}

function spread(percentiles: number[] | null, sample: number): Spread {
  const [p50, p95] = percentiles ?? [];
  return {
    p50: p50 === undefined ? null : round(p50, 1),
    p95: p95 === undefined ? null : round(p95, 1),
    sample,
  };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
