import { Injectable, Logger } from '@nestjs/common';
import { LiveFeed } from '../../platform/feed/live-feed';
import { Db } from '../../platform/postgres/db';
import { FlowChanges, type JobChange } from './flow-changes';
import { FlowEvents } from './flow-events';

/** How long who has ended a job gets to tell of it, in seconds; that far its transaction may also be behind its clock. */
const PATIENCE_S = 5;
/** How far back the first look of a process goes, in seconds: to before the end of the one that led until then. */
const FIRST_LOOK_S = 60;
/** Ends that are looked at per statement. */
const BATCH = 500;
/** Batches per run; after a change of very many jobs it catches up in the runs after. */
const BATCHES_PER_RUN = 4;
/** Events of a topic among which the end of its job is looked for; after it come those of its steps, if any. */
const NEWEST = 20;

interface EndedJob extends JobChange {
  /** With microseconds, which a Date would cut off. */
  ended: string;
}

/**
 * Finds ends of jobs of which nobody was told, since the process that had just committed them died, and tells of them. No
 * later event would: whoever follows such a job would take it for running, for ever.
 */
@Injectable()
export class UntoldEnds {
  private readonly log = new Logger(UntoldEnds.name);
  /** The last end that was looked at. */
  private last: { at: string; jobId: string } | undefined;

  constructor(
    private readonly db: Db,
    private readonly feed: LiveFeed,
    private readonly events: FlowEvents,
  ) {}

  /** One run; the number of ends that were told. Rejects while Redis is away; what was not looked at is in the next run. */
  async tell(): Promise<number> {
    let told = 0;
    for (let batch = 0; batch < BATCHES_PER_RUN; batch += 1) {
      const jobs = await this.next();
      told += await this.tellOf(jobs);
      const last = jobs.at(-1);
      if (last) this.last = { at: last.ended, jobId: last.job_id };
      if (jobs.length < BATCH) break;
    }
    return told;
  }

  private next(): Promise<EndedJob[]> {
    return this.db.query<EndedJob>(
      `SELECT id AS job_id, status, progress, attempt, error_code, error_message, finished_at::text AS ended FROM jobs
       WHERE finished_at < now() - make_interval(secs => $1) AND finished_at >= coalesce($3, now() - make_interval(secs => $2))
         AND ($3::timestamptz IS NULL OR (finished_at, id) > ($3, $4::uuid))
       ORDER BY finished_at, id LIMIT $5`,
      [PATIENCE_S, FIRST_LOOK_S, this.last?.at ?? null, this.last?.jobId ?? null, BATCH],
    );
  }

  private async tellOf(jobs: readonly EndedJob[]): Promise<number> {
    const newest = await this.feed.newest(
      jobs.map(({ job_id }) => `job:${job_id}`),
      NEWEST,
    );
    let told = 0;
    for (const job of jobs) {
      const events = newest.get(`job:${job.job_id}`);
      if (!events || events.some((event) => saysSo(JSON.parse(event) as object, job))) continue;
      const changes = new FlowChanges();
      changes.addJob(changeOf(job));
      await this.events.committed(changes);
      this.log.log(`Job ${job.job_id} was ${job.status}, and nobody had been told`);
      told += 1;
    }
    return told;
  }
}

function changeOf({ job_id, status, progress, attempt, error_code, error_message }: EndedJob): JobChange {
  const failed = status === 'failed' && { error_code, error_message };
  return { job_id, status, progress, attempt, ...failed };
}

function saysSo(event: { kind?: string; status?: string; attempt?: number }, job: JobChange): boolean {
  return event.kind === 'job' && event.status === job.status && event.attempt === job.attempt;
}
