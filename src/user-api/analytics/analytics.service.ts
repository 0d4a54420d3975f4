import { Inject, Injectable } from '@nestjs/common';
import { WorkerRegistry } from '../../fleet/workers/worker-registry';
import { QueueState } from '../../media/flow/queues/queue-state';
import { StepQueues } from '../../media/flow/queues/step-queues';
import { JOB_STATUSES, type JobStatus } from '../../media/flow/transitions';
import type { Grain } from '../../media/rollups/metrics';
import { Rollups, sumOf } from '../../media/rollups/rollups';
import { Db } from '../../platform/postgres/db';
import { firstIdOf } from '../../platform/postgres/uuid-time';
import { cappedCount, orEstimate } from '../counting';
import { jobConditions } from '../jobs/job-filter';
import { JobStatistics, statusCounts } from '../jobs/job-statistics';
import type { StatusCounts } from '../jobs/job-statistics.dto';
import type { AnalyticsBucket, AnalyticsMetrics, Load, Period } from './analytics.dto';
import { bucketsOf } from './buckets';

/** A part of the period and a state, and how many jobs are in both. */
interface CellRow {
  bucket: number;
  status: JobStatus;
  count: number;
}

/** A part of the period. */
interface Part {
  from: Date;
  until: Date;
}

/** How many of the jobs that were created in a part are in a state now. */
interface Bucket {
  part: Part;
  count: (status: JobStatus) => number;
  estimated: boolean;
}

const HOUR_MS = 3_600_000;
const GRAIN_OF: Record<Period, Grain> = { '24h': 'hour', '7d': 'day', '30d': 'day' };

/** What came of the jobs of a period, without walking over them. */
@Injectable()
export class Analytics {
  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(JobStatistics) private readonly statistics: JobStatistics,
    @Inject(StepQueues) private readonly queues: StepQueues,
    @Inject(QueueState) private readonly states: QueueState,
    @Inject(WorkerRegistry) private readonly workers: WorkerRegistry,
    @Inject(Rollups) private readonly rollups: Rollups,
  ) {}

  /** @param userId whose jobs; everybody's, with the load of the installation, if undefined */
  async metrics(period: Period, userId: string | undefined): Promise<AnalyticsMetrics> {
    const now = new Date();
    const parts = bucketsOf(period, now);
    const from = parts[0]?.from ?? now;
    const scope = { userId, from };
    const own = userId !== undefined;
    const buckets = own ? this.ownBuckets(parts, userId) : this.allBuckets(parts, GRAIN_OF[period]);
    const [stats, shown, failures, load] = await Promise.all([
      this.statistics.of(scope, own ? undefined : buckets.then(countsOf)),
      buckets,
      this.statistics.causes(scope),
      own ? null : this.load(),
    ]);
    const hours = (now.getTime() - from.getTime()) / HOUR_MS;
    return {
      scope: userId === undefined ? 'all' : 'own',
      period,
      from: from.toISOString(),
      as_of: now.toISOString(),
      stats,
      completed_per_h: Number((stats.jobs.completed / hours).toFixed(2)),
      buckets: shown.map(bucketOf),
      failures,
      load,
    };
  }

  /** Everybody's, from the roll-ups: as many rows as there are parts, whatever the number of jobs. */
  private async allBuckets(parts: readonly Part[], grain: Grain): Promise<Bucket[]> {
    const metrics = JOB_STATUSES.map((status) => `job.now.${status}` as const);
    const counters = await this.rollups.series(metrics, grain, parts[0]?.from ?? new Date());
    return parts.map((part) => {
      const own = counters.filter(({ at }) => at.getTime() === part.from.getTime());
      const count = (status: JobStatus) => sumOf(own, `job.now.${status}`);
      return { part, count, estimated: false };
    });
  }

  /** A user's, counted along the indexes of their jobs. */
  private async ownBuckets(parts: readonly Part[], userId: string): Promise<Bucket[]> {
    const params = [parts.map(({ from }) => firstIdOf(from)), parts.map(({ until }) => firstIdOf(until))];
    const { sql, params: all } = jobConditions({ userId }, [...params, JOB_STATUSES]);
    const jobs = `jobs WHERE status = s.status AND id >= b.first AND id < b.next AND ${sql}`;
    const cells = await this.db.query<CellRow>(
      `SELECT b.nr::int - 1 AS bucket, s.status, ${cappedCount(jobs)} AS count
       FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS b (first, next, nr), unnest($3::text[]) AS s (status)`,
      all,
    );
    const totals = await Promise.all(
      cells.map(async ({ bucket, status, count }) => {
        const part = { userId, status, from: parts[bucket]?.from, before: parts[bucket]?.until };
        const { sql, params } = jobConditions(part);
        return { bucket, status, ...(await orEstimate(this.db, count, `jobs WHERE ${sql}`, params)) };
      }),
    );
    return parts.map((part, bucket) => {
      const own = totals.filter((total) => total.bucket === bucket);
      const count = (status: JobStatus) => own.find((total) => total.status === status)?.count ?? 0;
      return { part, count, estimated: own.some(({ estimated }) => estimated) };
    });
  }

  private async load(): Promise<Load> {
    const [counts, held, workers] = await Promise.all([
      this.queues.counts(),
      this.states.held(),
      this.workers.list(),
    ]);
    const queues = Object.values(counts);
    const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
    const slots = sum(workers.map((worker) => worker.concurrency));
    const active = sum(workers.map((worker) => worker.active_steps.length));
    return {
      waiting_steps: sum([...queues.map((queue) => queue.waiting), ...held.values()]),
      active_steps: active,
      delayed_steps: sum(queues.map((queue) => queue.delayed)),
      paused_queues: queues.filter((queue) => queue.paused).length,
      workers: workers.length,
      slots,
      utilisation: slots === 0 ? null : Number((active / slots).toFixed(4)),
    };
  }
}

function bucketOf({ part, count, estimated }: Bucket): AnalyticsBucket {
  return {
    from: part.from.toISOString(),
    until: part.until.toISOString(),
    created: JOB_STATUSES.reduce((sum, status) => sum + count(status), 0),
    completed: count('completed'),
    failed: count('failed'),
    cancelled: count('cancelled'),
    active: count('queued') + count('processing'),
    is_estimate: estimated,
  };
}

function countsOf(buckets: readonly Bucket[]): StatusCounts {
  const sum = (status: JobStatus) => buckets.reduce((total, { count }) => total + count(status), 0);
  return statusCounts(
    sum,
    buckets.some(({ estimated }) => estimated),
  );
}
