import { Injectable } from '@nestjs/common';
import type { Metric } from '../../media/rollups/metrics';
import { type CounterAt, quantileOf, Rollups, sumOf } from '../../media/rollups/rollups';
import { hoursAgo } from '../../platform/postgres/uuid-time';
import type { Collector } from '../collector';
import type { AnalyticsDto, HourDto } from '../dto/analytics.dto';
import { failureRate } from './rates';

const COUNTS = {
  created: 'job.created',
  completed: 'job.completed',
  failed: 'job.failed',
  cancelled: 'job.cancelled',
} as const satisfies Record<string, Metric>;

/** The most causes of failures that are listed. */
const MAX_CAUSES = 10;

/** Throughput, failures and durations of the last 24 hours, the present one among them. */
@Injectable()
export class AnalyticsCollector implements Collector<AnalyticsDto> {
  readonly name = 'analytics';

  constructor(private readonly rollups: Rollups) {}

  async collect(): Promise<AnalyticsDto> {
    const counters = await this.rollups.series([...Object.values(COUNTS), 'job.run'], 'hour', hoursAgo(23));
    const [failed, completed] = [sumOf(counters, 'job.failed'), sumOf(counters, 'job.completed')];
    return {
      hours: hoursOf(counters),
      failure_rate_24h: failureRate(failed, completed),
      duration_s_p50: secondsOf(quantileOf(counters, 'job.run', 0.5)),
      duration_s_p95: secondsOf(quantileOf(counters, 'job.run', 0.95)),
      failures_24h: causesOf(counters),
    };
  }
}

function hoursOf(counters: readonly CounterAt[]): HourDto[] {
  const times = [...new Set(counters.map(({ at }) => at.getTime()))];
  return times.map((time) => {
    const own = counters.filter(({ at }) => at.getTime() === time);
    const count = (field: keyof typeof COUNTS) => sumOf(own, COUNTS[field]);
    return {
      hour: new Date(time),
      created: count('created'),
      completed: count('completed'),
      failed: count('failed'),
      cancelled: count('cancelled'),
    };
  });
}

function causesOf(counters: readonly CounterAt[]): AnalyticsDto['failures_24h'] {
  const codes = [
    ...new Set(counters.filter(({ metric }) => metric === 'job.failed').map(({ subject }) => subject)),
  ];
  return codes
    .map((code) => ({ error_code: code || 'UNKNOWN', count: sumOf(counters, 'job.failed', code) }))
    .sort((a, b) => b.count - a.count || a.error_code.localeCompare(b.error_code))
    .slice(0, MAX_CAUSES);
}

function secondsOf(ms: number | null): number | null {
  return ms === null ? null : Number((ms / 1000).toFixed(1));
}
