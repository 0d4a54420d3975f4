import { Injectable } from '@nestjs/common';
import { AgentRegistry } from '../../media/flow/agent-registry';
import { STEP_METRICS } from '../../media/rollups/metrics';
import { type Counter, quantileOf, Rollups, sumOf } from '../../media/rollups/rollups';
import { Db } from '../../platform/postgres/db';
import { hoursAgo } from '../../platform/postgres/uuid-time';
import type { Collector } from '../collector';
import type { QueueDto, QueuesDto } from '../dto/queues.dto';
import { failureRate } from './rates';
import { StandingFailures } from './standing-failures';

// Two parts, so that each is answered from its own partial index.
const OPEN = `
SELECT agent, 0 AS active,
  count(*) FILTER (WHERE not_before <= now())::int AS waiting,
  count(*) FILTER (WHERE not_before > now())::int AS delayed,
  min(queued_at) FILTER (WHERE not_before <= now()) AS oldest
FROM steps WHERE status = 'queued' GROUP BY agent
UNION ALL
SELECT agent, count(*)::int, 0, 0, NULL FROM steps WHERE status = 'processing' GROUP BY agent`;

const STANDINGS = `
SELECT name, paused, CASE WHEN drained_at IS NOT NULL THEN 'drained' WHEN drain_since IS NOT NULL THEN 'draining' END
  AS drain, purged_before
FROM queues`;

interface Standing {
  name: string;
  paused: boolean;
  drain: QueueDto['drain'];
  purged_before: Date | null;
}

interface OpenRow {
  agent: string;
  active: number;
  waiting: number;
  delayed: number;
  oldest: Date | null;
}

/** The queues, one per agent, counted where the truth is; what they did lately from the roll-ups. */
@Injectable()
export class QueuesCollector implements Collector<QueuesDto> {
  readonly name = 'queue';

  constructor(
    private readonly db: Db,
    private readonly agents: AgentRegistry,
    private readonly rollups: Rollups,
    private readonly failures: StandingFailures,
  ) {}

  async collect(): Promise<QueuesDto> {
    const names = this.agents.current().ids;
    const [open, lately, [standings, failed]] = await Promise.all([
      this.db.query<OpenRow>(OPEN),
      this.rollups.totals(STEP_METRICS, hoursAgo(1)),
      this.standings(),
    ]);
    const now = Date.now();
    const queues = names.map((queue) => {
      const standing = standings.find((row) => row.name === queue);
      const rows = open.filter((row) => row.agent === queue);
      const oldest = rows.find((row) => row.oldest)?.oldest ?? null;
      return {
        queue,
        paused: standing?.paused ?? false,
        drain: standing?.drain ?? null,
        failed: failed.get(queue) ?? 0,
        ...openOf(rows),
        oldest_waiting_at: oldest,
        oldest_waiting_s: oldest && Math.max(0, Math.round((now - oldest.getTime()) / 1000)),
        ...hourOf(queue, lately),
      };
    });
    return { totals: totalsOf(queues), queues };
  }

  private async standings(): Promise<[Standing[], ReadonlyMap<string, number>]> {
    const standings = await this.db.query<Standing>(STANDINGS);
    const purges = standings.flatMap(({ name, purged_before: at }) => (at ? [[name, at] as const] : []));
    return [standings, await this.failures.of(new Map(purges))];
  }
}

function openOf(rows: readonly OpenRow[]): Pick<QueueDto, 'waiting' | 'delayed' | 'active'> {
  const sum = (field: 'waiting' | 'delayed' | 'active') => rows.reduce((total, row) => total + row[field], 0);
  return { waiting: sum('waiting'), delayed: sum('delayed'), active: sum('active') };
}

function hourOf(queue: string, lately: readonly Counter[]) {
  const own = lately.filter(({ subject }) => subject === queue);
  const completed = sumOf(own, 'step.completed');
  const failed = sumOf(own, 'step.failed');
  return {
    completed_1h: completed,
    failed_1h: failed,
    skipped_1h: sumOf(own, 'step.skipped'),
    failure_rate_1h: failureRate(failed, completed),
    throughput_per_min: Number((completed / 60).toFixed(2)),
    wait_ms_p50: quantileOf(own, 'step.wait', 0.5),
    wait_ms_p95: quantileOf(own, 'step.wait', 0.95),
    wait_ms_p99: quantileOf(own, 'step.wait', 0.99),
    run_ms_p50: quantileOf(own, 'step.run', 0.5),
    run_ms_p95: quantileOf(own, 'step.run', 0.95),
    run_ms_p99: quantileOf(own, 'step.run', 0.99),
  };
}

function totalsOf(queues: readonly QueueDto[]): QueuesDto['totals'] {
  const sum = (field: 'waiting' | 'delayed' | 'active') =>
    queues.reduce((total, queue) => total + queue[field], 0);
  return {
    queues: queues.length,
    paused: queues.filter((queue) => queue.paused).length,
    draining: queues.filter((queue) => queue.drain !== null).length,
    waiting: sum('waiting'),
    delayed: sum('delayed'),
    active: sum('active'),
  };
}
