import { Inject, Injectable } from '@nestjs/common';
import { Db } from '../../platform/postgres/db';
import type { OpenStep } from './queue-rows';

/** Steps that are shown of each queue. */
export const HEAD = 5;

/** What comes first in a queue, and since when something waits in it. */
export interface QueueHead {
  next: OpenStep[];
  oldest: Date | null;
}

const NEXT = `
SELECT s.id, s.job_id, s.agent, s.status, j.title, s.priority, s.attempt + 1 AS attempt, s.queued_at, false AS delayed
FROM unnest($1::text[]) WITH ORDINALITY AS q (agent, position)
CROSS JOIN LATERAL (SELECT * FROM steps WHERE agent = q.agent AND status = 'queued' AND not_before <= now()
  ORDER BY priority, queued_at LIMIT ${HEAD}) s
JOIN jobs j ON j.id = s.job_id
ORDER BY q.position, s.priority, s.queued_at`;

// The index has the longest waiting of each priority first, so ten looks find that of all.
const OLDEST = `
SELECT q.agent, min(s.queued_at) AS oldest
FROM unnest($1::text[]) AS q (agent) CROSS JOIN generate_series(1, 10) AS p (priority)
CROSS JOIN LATERAL (SELECT queued_at FROM steps WHERE agent = q.agent AND status = 'queued' AND priority = p.priority
  AND not_before <= now() ORDER BY queued_at LIMIT 1) s
GROUP BY q.agent`;

/** Looks at the heads of the queues where the truth is, without counting what is behind them. */
@Injectable()
export class QueueHeads {
  constructor(@Inject(Db) private readonly db: Db) {}

  /** The heads by queue; a queue in which nothing waits has none. */
  async of(queues: readonly string[]): Promise<ReadonlyMap<string, QueueHead>> {
    const [next, oldest] = await Promise.all([
      this.db.query<OpenStep>(NEXT, [queues]),
      this.db.query<{ agent: string; oldest: Date | null }>(OLDEST, [queues]),
    ]);
    return new Map(
      oldest.map((row) => [
        row.agent,
        { next: next.filter((step) => step.agent === row.agent), oldest: row.oldest },
      ]),
    );
  }
}
