import { Inject, Injectable } from '@nestjs/common';
import { Rollups, sumOf } from '../../media/rollups/rollups';
import { Db } from '../../platform/postgres/db';

const DAY_MS = 86_400_000;

/** Of the day of a queue's last purge, along the index of failed steps: a purge is at any moment of it. */
const OF_THE_DAY = `
SELECT q.name AS queue, count(*)::int AS failed FROM queues q
JOIN steps s ON s.agent = q.name AND s.status = 'failed' AND s.finished_at >= q.purged_before
  AND s.finished_at < date_trunc('day', q.purged_before, 'UTC') + interval '1 day'
WHERE q.purged_before IS NOT NULL GROUP BY q.name`;

/** Counts the steps that failed for good, and were neither retried nor purged since. */
@Injectable()
export class StandingFailures {
  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(Rollups) private readonly rollups: Rollups,
  ) {}

  /** By queue; one that has none may be missing. @param purges when queues were last purged, if they were */
  async of(purges: ReadonlyMap<string, Date>): Promise<ReadonlyMap<string, number>> {
    const nextDay = (queue: string) => dayAfter(purges.get(queue));
    const starts = [...new Set([0, ...[...purges.keys()].map(nextDay)])];
    const [ofTheDay, ...since] = await Promise.all([
      purges.size > 0 ? this.db.query<{ queue: string; failed: number }>(OF_THE_DAY) : [],
      ...starts.map((start) => this.rollups.totals(['step.now.failed'], new Date(start))),
    ]);
    const queues = new Set([...since.flat().map(({ subject }) => subject), ...purges.keys()]);
    return new Map(
      [...queues].map((queue) => {
        const counters = since[starts.indexOf(nextDay(queue))] ?? [];
        const first = ofTheDay.find((row) => row.queue === queue)?.failed ?? 0;
        return [queue, first + sumOf(counters, 'step.now.failed', queue)];
      }),
    );
  }
}

/** Where the day after that moment begins, in milliseconds since 1970; 0 without one. */
function dayAfter(moment: Date | undefined): number {
  return moment ? (Math.floor(moment.getTime() / DAY_MS) + 1) * DAY_MS : 0;
}
