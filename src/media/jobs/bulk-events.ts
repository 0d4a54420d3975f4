import { Injectable } from '@nestjs/common';
import { LiveFeed } from '../../platform/feed/live-feed';
import type { JobStatus } from '../flow/transitions';

/** Jobs that one event names at most: subscribers take frames of some kilobytes. */
const PER_EVENT = 200;

/** A job that has changed together with others. */
export interface ChangedJob {
  id: string;
  attempt: number;
  progress: number;
}

/** Tells those who watch that many jobs have changed: all of them in few events, and each to who follows just that. */
@Injectable()
export class BulkEvents {
  constructor(private readonly feed: LiveFeed) {}

  /** To be called after the commit. Never throws. */
  async changed(jobs: readonly ChangedJob[], status: JobStatus): Promise<void> {
    for (let from = 0; from < jobs.length; from += PER_EVENT) {
      const part = jobs.slice(from, from + PER_EVENT);
      await this.feed.publish('jobs', { job_ids: part.map((job) => job.id), status });
      const followed = await this.feed.known(part.map((job) => `job:${job.id}`));
      await Promise.all(
        part
          .filter((job) => followed.has(`job:${job.id}`))
          .map(({ id, progress, attempt }) =>
            this.feed.publish(`job:${id}`, { kind: 'job', job_id: id, status, progress, attempt }),
          ),
      );
    }
  }
}
