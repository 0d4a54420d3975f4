import { Injectable } from '@nestjs/common';
import { Db } from '../../platform/postgres/db';
import type { Collector } from '../collector';
import type { JobLineDto, JobsDto } from '../snapshot.dto';
import { firstIdOf, hoursAgo } from '../../platform/postgres/uuid-time';

const NUMBERS = `
SELECT status, count(*)::int AS count FROM jobs WHERE status IN ('queued', 'processing') GROUP BY status
UNION ALL
SELECT status, count(*)::int FROM jobs
WHERE status IN ('completed', 'failed', 'cancelled') AND id >= $1 GROUP BY status`;

const LINE = `
SELECT id AS job_id, title, status, round(progress::numeric, 3)::float8 AS progress, error_code, error_message,
  created_at, updated_at
FROM jobs`;

/** The numbers of jobs, clips and uploads, and the newest jobs. */
@Injectable()
export class JobsCollector implements Collector<JobsDto> {
  readonly name = 'jobs';

  constructor(private readonly db: Db) {}

  async collect(): Promise<JobsDto> {
    const since = firstIdOf(hoursAgo(24));
    const [numbers, others, recent, failures] = await Promise.all([
      this.db.query<{ status: string; count: number }>(NUMBERS, [since]),
      this.db.query<{ clips: number; uploads: number }>(
        `SELECT (SELECT count(*)::int FROM clips WHERE id >= $1) AS clips,
                (SELECT count(*)::int FROM uploads WHERE status IN ('open', 'finalizing')) AS uploads`,
        [since],
      ),
      this.db.query<JobLineDto>(`${LINE} ORDER BY id DESC LIMIT 10`),
      this.db.query<JobLineDto>(`${LINE} WHERE status = 'failed' AND id >= $1 ORDER BY id DESC LIMIT 5`, [
        since,
      ]),
    ]);
    const count = (status: string) => numbers.find((row) => row.status === status)?.count ?? 0;
    return {
      jobs: {
        active: count('processing') + count('queued'),
        processing: count('processing'),
        queued: count('queued'),
        completed_24h: count('completed'),
        failed_24h: count('failed'),
        cancelled_24h: count('cancelled'),
      },
      clips_24h: others[0]?.clips ?? 0,
      uploads_open: others[0]?.uploads ?? 0,
      recent_jobs: recent,
      recent_failures: failures,
    };
  }
}
