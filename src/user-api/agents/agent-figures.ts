import { Inject, Injectable } from '@nestjs/common';
import { Db } from '../../platform/postgres/db';
import type { AgentFigures, Percentiles, SkipCount } from './agents.dto';

/** The most steps of an agent that figures are made of: a busy day would be hundreds of thousands. */
export const SAMPLE = 5_000;

/** Walks the index over what has ended, agent by agent, from the newest on, and no further than the sample. */
export const FIGURES = `
SELECT a.agent, f.*, skips.skips
FROM unnest($1::text[]) AS a(agent)
CROSS JOIN LATERAL (
  SELECT count(*)::int AS finished,
    count(*) FILTER (WHERE status = 'completed')::int AS completed,
    count(*) FILTER (WHERE status = 'failed')::int AS failed,
    count(*) FILTER (WHERE status = 'skipped')::int AS skipped,
    count(*) FILTER (WHERE status = 'cancelled')::int AS cancelled,
    extract(epoch FROM now() - min(finished_at))::float8 AS oldest_s,
    percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at) * 1000)
      FILTER (WHERE status = 'completed' AND finished_at >= started_at) AS run,
    percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - queued_at) * 1000)
      FILTER (WHERE started_at >= queued_at) AS wait,
    array_agg(skip_reason) FILTER (WHERE status = 'skipped') AS reasons
  FROM (
    SELECT status, queued_at, started_at, finished_at, skip_reason FROM steps
    WHERE agent = a.agent AND finished_at >= now() - make_interval(secs => $2)
    ORDER BY finished_at DESC LIMIT ${SAMPLE}
  ) recent
) f
CROSS JOIN LATERAL (
  SELECT coalesce(jsonb_agg(jsonb_build_object('reason', reason, 'count', count) ORDER BY count DESC, reason), '[]') AS skips
  FROM (
    SELECT coalesce(reason, 'unknown') AS reason, count(*)::int AS count
    FROM unnest(f.reasons) AS reason GROUP BY 1 ORDER BY 2 DESC LIMIT 10
  ) counted
) skips`;

interface FiguresRow {
  agent: string;
  finished: number;
  completed: number;
  failed: number;
  skipped: number;
  cancelled: number;
  oldest_s: number | null;
  run: number[] | null;
  wait: number[] | null;
  skips: SkipCount[];
}

/** How agents have done lately, from the steps themselves. */
@Injectable()
export class AgentFiguresQuery {
  constructor(@Inject(Db) private readonly db: Db) {}

  /** Of each of these agents, over the last `windowS` seconds. */
  async over(agents: readonly string[], windowS: number): Promise<Map<string, AgentFigures>> {
    const rows = await this.db.query<FiguresRow>(FIGURES, [agents, windowS]);
    return new Map(rows.map((row) => [row.agent, figuresOf(row, windowS)]));
  }
}

function figuresOf(row: FiguresRow, windowS: number): AgentFigures {
  const { completed, failed, skipped, cancelled } = row;
  const sampled = row.finished >= SAMPLE;
  const span = sampled ? Math.max(1, row.oldest_s ?? windowS) : windowS;
  const tried = completed + failed;
  return {
    window_s: Math.round(span),
    sampled,
    completed,
    failed,
    skipped,
    cancelled,
    success_rate: tried === 0 ? null : Math.round((completed / tried) * 1_000) / 1_000,
    throughput_per_h: Math.round((completed / span) * 3_600 * 10) / 10,
    run_ms: percentiles(row.run),
    wait_ms: percentiles(row.wait),
    skips: row.skips,
  };
}

function percentiles(values: number[] | null): Percentiles {
  const [p50, p95, p99] = (values ?? []).map(Math.round);
  return { p50: p50 ?? null, p95: p95 ?? null, p99: p99 ?? null };
}
