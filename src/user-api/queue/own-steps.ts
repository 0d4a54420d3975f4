import { Inject, Injectable } from '@nestjs/common';
import { Db } from '../../platform/postgres/db';
import { firstIdOf, hoursAgo } from '../../platform/postgres/uuid-time';
import type { HourRow, OpenStep } from './queue-rows';

/** Unfinished jobs of a user that are looked at, the oldest first, and finished ones, the newest first. */
const MAX_JOBS = 1_000;
/** Jobs that were created before this have no part in what was done in the last hour, in hours. */
const MAX_AGE_H = 24;

const firstJobs = (status: string): string =>
  `(SELECT id, title FROM jobs WHERE user_id = $1 AND status = '${status}' ORDER BY id LIMIT ${MAX_JOBS + 1})`;

const OPEN = `
WITH open AS (${firstJobs('queued')} UNION ALL ${firstJobs('processing')} ORDER BY id LIMIT ${MAX_JOBS + 1})
SELECT s.id, s.job_id, s.agent, s.status, open.title, s.priority, s.attempt + 1 AS attempt, s.queued_at,
  s.not_before > now() AS delayed, (SELECT count(*)::int FROM open) AS jobs
FROM open JOIN steps s ON s.job_id = open.id WHERE s.status IN ('queued', 'processing')
ORDER BY s.priority, s.queued_at`;

const HOUR = `
SELECT agent, count(*) FILTER (WHERE status = 'completed')::int AS completed,
  count(*) FILTER (WHERE status = 'failed')::int AS failed,
  percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - queued_at) * 1000)
    FILTER (WHERE started_at >= queued_at) AS wait,
  percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at) * 1000)
    FILTER (WHERE finished_at >= started_at) AS run
FROM (SELECT id FROM jobs WHERE user_id = $1 AND id >= $2::uuid ORDER BY id DESC LIMIT ${MAX_JOBS}) AS lately
JOIN steps s ON s.job_id = lately.id WHERE finished_at >= now() - interval '1 hour' GROUP BY agent`;

/** The steps of one user's jobs, found along the indexes of their jobs. */
@Injectable()
export class OwnSteps {
  constructor(@Inject(Db) private readonly db: Db) {}

  /** The steps that wait or run, in the order in which they will be taken. `partial`: of the oldest 1,000 jobs only. */
  async open(userId: string): Promise<{ steps: OpenStep[]; partial: boolean }> {
    const steps = await this.db.query<OpenStep & { jobs: number }>(OPEN, [userId]);
    return { steps, partial: (steps[0]?.jobs ?? 0) > MAX_JOBS };
  }

  /** What was done for them in the last hour, by agent. */
  lastHour(userId: string): Promise<HourRow[]> {
    return this.db.query<HourRow>(HOUR, [userId, firstIdOf(hoursAgo(MAX_AGE_H))]);
  }
}
