import { Injectable } from '@nestjs/common';
import { Rollups, sumOf } from '../../media/rollups/rollups';
import { Db } from '../../platform/postgres/db';
import { firstIdOf, hoursAgo } from '../../platform/postgres/uuid-time';
import type { Collector } from '../collector';
import type { JobLineDto, JobsDto } from '../dto/dashboard.dto';

const LINE = `
SELECT id AS job_id, left(title, 120) AS title, status, round(progress::numeric, 3)::float8 AS progress, error_code,
  left(error_message, 300) AS error_message, created_at, updated_at
FROM jobs`;

/** The numbers of jobs, clips and uploads, and the newest jobs. */
@Injectable()
export class JobsCollector implements Collector<JobsDto> {
  readonly name = 'jobs';

  constructor(
    private readonly db: Db,
    private readonly rollups: Rollups,
  ) {}

  async collect(): Promise<JobsDto> {
    const since = hoursAgo(24);
    const [now, lately, uploads, recent, failures] = await Promise.all([
      this.rollups.totals(['job.now.queued', 'job.now.processing'], new Date(0)),
      this.rollups.totals(['job.completed', 'job.failed', 'job.cancelled', 'clip.made'], since),
      this.db.query<{ open: number }>(
        `SELECT count(*)::int AS open FROM uploads WHERE status IN ('open', 'finalizing')`,
      ),
      this.db.query<JobLineDto>(`${LINE} ORDER BY id DESC LIMIT 25`),
      this.db.query<JobLineDto>(`${LINE} WHERE status = 'failed' AND id >= $1 ORDER BY id DESC LIMIT 25`, [
        firstIdOf(since),
      ]),
    ]);
    const processing = sumOf(now, 'job.now.processing');
    const queued = sumOf(now, 'job.now.queued');
    return {
      jobs: {
        active: processing + queued,
        processing,
        queued,
        completed_24h: sumOf(lately, 'job.completed'),
        failed_24h: sumOf(lately, 'job.failed'),
        cancelled_24h: sumOf(lately, 'job.cancelled'),
      },
      clips_24h: sumOf(lately, 'clip.made'),
      uploads_open: uploads[0]?.open ?? 0,
      recent_jobs: recent,
      recent_failures: failures,
    };
  }
}
