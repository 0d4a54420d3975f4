import { Injectable } from '@nestjs/common';
import { AgentRegistry } from '../../media/flow/agent-registry';
import { Db } from '../../platform/postgres/db';
import type { Collector } from '../collector';
import type { QueueDto, QueuesDto } from '../snapshot.dto';

// Two parts, so that each is answered from its own partial index.
const OPEN = `
SELECT agent, 0 AS active,
  count(*) FILTER (WHERE not_before <= now())::int AS waiting,
  count(*) FILTER (WHERE not_before > now())::int AS delayed,
  min(queued_at) FILTER (WHERE not_before <= now()) AS oldest
FROM steps WHERE status = 'queued' GROUP BY agent
UNION ALL
SELECT agent, count(*)::int, 0, 0, NULL FROM steps WHERE status = 'processing' GROUP BY agent`;

const FINISHED = `
SELECT agent,
  count(*) FILTER (WHERE status = 'completed')::int AS completed,
  count(*) FILTER (WHERE status = 'failed')::int AS failed,
  percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - queued_at) * 1000)
    FILTER (WHERE started_at >= queued_at) AS wait,
  percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at) * 1000)
    FILTER (WHERE finished_at >= started_at) AS run
FROM steps WHERE agent = ANY($1) AND finished_at >= now() - interval '1 hour' GROUP BY agent`;

const STANDINGS = `
SELECT name, paused, CASE WHEN drained_at IS NOT NULL THEN 'drained' WHEN drain_since IS NOT NULL THEN 'draining' END
  AS drain
FROM queues`;

// Of each queue from its last purge on, along the index of failed steps.
const FAILED = `
SELECT s.agent, count(*)::int AS failed FROM steps s LEFT JOIN queues q ON q.name = s.agent
WHERE s.status = 'failed' AND (q.purged_before IS NULL OR s.finished_at >= q.purged_before) GROUP BY s.agent`;

interface Standing {
  name: string;
  paused: boolean;
  drain: QueueDto['drain'];
}

interface OpenRow {
  agent: string;
  active: number;
  waiting: number;
  delayed: number;
  oldest: Date | null;
}

interface FinishedRow {
  agent: string;
  completed: number;
  failed: number;
  wait: number[] | null;
  run: number[] | null;
}

/** The queues, one per agent, counted where the truth is. */
@Injectable()
export class QueuesCollector implements Collector<QueuesDto> {
  readonly name = 'queue';

  constructor(
    private readonly db: Db,
    private readonly agents: AgentRegistry,
  ) {}

  async collect(): Promise<QueuesDto> {
    const names = this.agents.current().ids;
    const [open, finished, failed, standings] = await Promise.all([
      this.db.query<OpenRow>(OPEN),
      this.db.query<FinishedRow>(FINISHED, [names]),
      this.db.query<{ agent: string; failed: number }>(FAILED),
      this.db.query<Standing>(STANDINGS),
    ]);
    const queues = names.map((queue) => {
      const standing = standings.find((row) => row.name === queue);
      return {
        queue,
        paused: standing?.paused ?? false,
        drain: standing?.drain ?? null,
        failed: failed.find((row) => row.agent === queue)?.failed ?? 0,
        ...figures(
          open.filter((row) => row.agent === queue),
          finished.find((row) => row.agent === queue),
        ),
      };
    });
    const sum = (field: 'waiting' | 'delayed' | 'active') =>
      queues.reduce((total, queue) => total + queue[field], 0);
    return {
      totals: {
        queues: queues.length,
        paused: queues.filter((queue) => queue.paused).length,
        draining: queues.filter((queue) => queue.drain !== null).length,
        waiting: sum('waiting'),
        delayed: sum('delayed'),
        active: sum('active'),
      },
      queues,
    };
  }
}

function figures(
  open: OpenRow[],
  finished: FinishedRow | undefined,
): Omit<QueueDto, 'queue' | 'paused' | 'drain' | 'failed'> {
  const sum = (field: 'waiting' | 'delayed' | 'active') => open.reduce((total, row) => total + row[field], 0);
  return {
    waiting: sum('waiting'),
    delayed: sum('delayed'),
    active: sum('active'),
    oldest_waiting_at: open.find((row) => row.oldest)?.oldest ?? null,
    completed_1h: finished?.completed ?? 0,
    failed_1h: finished?.failed ?? 0,
    wait_ms_p50: whole(finished?.wait?.[0]),
    wait_ms_p95: whole(finished?.wait?.[1]),
    run_ms_p50: whole(finished?.run?.[0]),
    run_ms_p95: whole(finished?.run?.[1]),
  };
}

function whole(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value);
}
