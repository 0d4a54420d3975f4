import { Injectable } from '@nestjs/common';
import { Db } from '../../platform/postgres/db';
import type { Collector } from '../collector';
import type { AnalyticsDto, HourDto } from '../snapshot.dto';
import { firstIdOf, hoursAgo } from '../../platform/postgres/uuid-time';

const HOURS = `
SELECT date_trunc('hour', created_at) AS hour, count(*)::int AS created,
  count(*) FILTER (WHERE status = 'completed')::int AS completed,
  count(*) FILTER (WHERE status = 'failed')::int AS failed,
  count(*) FILTER (WHERE status = 'cancelled')::int AS cancelled
FROM jobs WHERE id >= $1 GROUP BY 1 ORDER BY 1`;

const DURATIONS = `
SELECT percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - created_at))
  AS seconds
FROM jobs WHERE status = 'completed' AND id >= $1 AND finished_at IS NOT NULL`;

const FAILURES = `
SELECT coalesce(error_code, 'UNKNOWN') AS error_code, count(*)::int AS count
FROM jobs WHERE status = 'failed' AND id >= $1 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10`;

/** Throughput, failures and durations of the last 24 hours. */
@Injectable()
export class AnalyticsCollector implements Collector<AnalyticsDto> {
  readonly name = 'analytics';

  constructor(private readonly db: Db) {}

  async collect(): Promise<AnalyticsDto> {
    const since = firstIdOf(hoursAgo(24));
    const [hours, durations, failures] = await Promise.all([
      this.db.query<HourDto>(HOURS, [since]),
      this.db.query<{ seconds: number[] | null }>(DURATIONS, [since]),
      this.db.query<{ error_code: string; count: number }>(FAILURES, [since]),
    ]);
    const completed = hours.reduce((sum, hour) => sum + hour.completed, 0);
    const failed = hours.reduce((sum, hour) => sum + hour.failed, 0);
    const [p50, p95] = durations[0]?.seconds ?? [];
    return {
      hours,
      failure_rate_24h: completed + failed === 0 ? null : round(failed / (completed + failed), 4),
      duration_s_p50: p50 === undefined ? null : round(p50, 1),
      duration_s_p95: p95 === undefined ? null : round(p95, 1),
      failures_24h: failures,
    };
  }
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
