import { Inject, Injectable } from '@nestjs/common';
import { Db } from '../../platform/postgres/db';
import { prepared } from '../../platform/postgres/statement';
import { type Bucket, quantileMs } from './histogram';
import { type Grain, type Metric, countersOf } from './metrics';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A number of a metric, or of one bucket of a histogram. */
export interface Counter extends Bucket {
  readonly metric: Metric;
  /** An agent, an error code, or empty. */
  readonly subject: string;
}

/** The same of one minute, hour or day. */
export interface CounterAt extends Counter {
  /** Where that begins. */
  readonly at: Date;
}

// Changes that are not counted yet come in by the same snapshot, so it is the same whether they are or not. What cannot
// matter is left out before it is taken apart: while no manager runs, these can be many.
const FRESH = (columns: string, kinds: string): string => `
SELECT ${columns} FROM (${countersOf(
  `(SELECT * FROM rollup_changes WHERE kind = ANY (${kinds}) AND greatest(at, was_at, became_at) >= $2)`,
)}) c WHERE metric = ANY ($1) AND at >= $2`;

/** Minutes up to the first full hour, hours up to the first full day, and days: as few rows as there can be. */
const TOTALS = prepared(`
SELECT metric, subject, bucket, sum(count)::float8 AS count FROM (
  SELECT metric, subject, bucket, count FROM rollups
  WHERE grain = 'minute' AND metric = ANY ($1) AND at >= $2::timestamptz AND at < $3::timestamptz
  UNION ALL SELECT metric, subject, bucket, count FROM rollups
  WHERE grain = 'hour' AND metric = ANY ($1) AND at >= $3::timestamptz AND at < $4::timestamptz
  UNION ALL SELECT metric, subject, bucket, count FROM rollups
  WHERE grain = 'day' AND metric = ANY ($1) AND at >= $4::timestamptz
  UNION ALL ${FRESH('metric, subject, bucket, count', '$5')}
) parts GROUP BY 1, 2, 3 HAVING sum(count) <> 0`);

const SERIES = prepared(`
SELECT metric, at, subject, bucket, sum(count)::float8 AS count FROM (
  SELECT metric, at, subject, bucket, count FROM rollups WHERE grain = $3 AND metric = ANY ($1) AND at >= $2
  UNION ALL ${FRESH("metric, date_trunc($3, at, 'UTC'), subject, bucket, count", '$4')}
) parts GROUP BY 1, 2, 3, 4 HAVING sum(count) <> 0 ORDER BY 2`);

/** Reads the roll-ups, together with the changes that are not counted yet: what has been committed is in the answer. */
@Injectable()
export class Rollups {
  constructor(@Inject(Db) private readonly db: Db) {}

  /** Sums since the minute of that moment; no further back than 25 hours, unless it is the beginning of a day. */
  totals(metrics: readonly Metric[], since: Date): Promise<Counter[]> {
    const from = floor(since.getTime(), MINUTE_MS);
    const hours = ceil(from, HOUR_MS);
    const days = ceil(hours, DAY_MS);
    const starts = [from, hours, days].map((ms) => new Date(ms));
    return this.db.query<Counter>(TOTALS, [metrics, ...starts, kindsOf(metrics)]);
  }

  /** Minute by minute, hour by hour or day by day since the one of that moment, the oldest first. */
  series(metrics: readonly Metric[], grain: Grain, since: Date): Promise<CounterAt[]> {
    const length = { minute: MINUTE_MS, hour: HOUR_MS, day: DAY_MS }[grain];
    const start = new Date(floor(since.getTime(), length));
    return this.db.query<CounterAt>(SERIES, [metrics, start, grain, kindsOf(metrics)]);
  }
}

/** The sum of a metric, of one subject if that is named. */
export function sumOf(counters: readonly Counter[], metric: Metric, subject?: string): number {
  return of(counters, metric, subject).reduce((sum, { count }) => sum + count, 0);
}

/** A quantile of a histogram in milliseconds, of one subject if that is named; null if it is empty. */
export function quantileOf(
  counters: readonly Counter[],
  metric: Metric,
  share: number,
  subject?: string,
): number | null {
  return quantileMs(of(counters, metric, subject), share);
}

/** What changes of these metrics are about. */
function kindsOf(metrics: readonly Metric[]): string[] {
  return [...new Set(metrics.map((metric) => metric.slice(0, metric.indexOf('.'))))];
}

function of(counters: readonly Counter[], metric: Metric, subject?: string): Counter[] {
  return counters.filter(
    (one) => one.metric === metric && (subject === undefined || one.subject === subject),
  );
}

function floor(ms: number, unit: number): number {
  return Math.floor(ms / unit) * unit;
}

function ceil(ms: number, unit: number): number {
  return Math.ceil(ms / unit) * unit;
}
