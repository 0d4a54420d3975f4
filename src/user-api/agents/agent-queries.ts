import { Inject, Injectable } from '@nestjs/common';
import { Db } from '../../platform/postgres/db';
import { countUpTo } from '../counting';
import type { Slice, Total } from '../paging.dto';

/** The most running, and the most waiting, steps that are shown. */
const SHOWN_ACTIVE = 100;
const SHOWN_WAITING = 20;

const ACTIVE = `SELECT agent, count(*)::int AS active FROM steps WHERE status = 'processing' GROUP BY agent`;

/** One look into the index for each priority: it is sorted by time within these. */
export const OLDEST = `
SELECT a.agent, min(first.queued_at) AS oldest
FROM unnest($1::text[]) AS a(agent)
CROSS JOIN generate_series(1, 10) AS p(priority)
CROSS JOIN LATERAL (
  SELECT queued_at FROM steps WHERE status = 'queued' AND agent = a.agent AND priority = p.priority::smallint
  ORDER BY queued_at LIMIT 1
) first
GROUP BY a.agent`;

/** A step that runs. */
export interface ActiveRow {
  id: string;
  job_id: string;
  worker_id: string | null;
  attempt: number;
  progress: number;
  started_at: Date | null;
}

/** A step that waits. */
export interface WaitingRow {
  id: string;
  job_id: string;
  priority: number;
  queued_at: Date | null;
  not_before: Date;
  failures: number;
}

/** A failure of a step. */
export interface FailureRow {
  at: Date;
  code: string;
  message: string;
  job_id: string;
}

/** A stored line of an agent's log. */
export interface LogRow {
  id: string;
  at: Date;
  level: string;
  event: string;
  message: string;
  data: object | null;
  job_id: string | null;
  trace_id: string | null;
}

/** Reads what agents do now. Everything is answered by an index, whatever there is of old steps. */
@Injectable()
export class AgentQueries {
  constructor(@Inject(Db) private readonly db: Db) {}

  /** How many steps of each agent run. */
  async active(): Promise<Map<string, number>> {
    const rows = await this.db.query<{ agent: string; active: number }>(ACTIVE);
    return new Map(rows.map((row) => [row.agent, row.active]));
  }

  /** Since when the step of each agent that has waited longest waits. */
  async oldestWaiting(agents: readonly string[]): Promise<Map<string, Date>> {
    const rows = await this.db.query<{ agent: string; oldest: Date | null }>(OLDEST, [agents]);
    return new Map(rows.flatMap((row) => (row.oldest ? [[row.agent, row.oldest]] : [])));
  }

  /** The steps of an agent that run, the oldest first. */
  activeSteps(agent: string): Promise<ActiveRow[]> {
    return this.db.query<ActiveRow>(
      `SELECT id, job_id, worker_id, attempt, progress, started_at FROM steps
       WHERE status = 'processing' AND agent = $1 ORDER BY started_at LIMIT ${SHOWN_ACTIVE}`,
      [agent],
    );
  }

  /** The steps of an agent that wait, in the order in which they are taken. */
  waitingSteps(agent: string): Promise<WaitingRow[]> {
    return this.db.query<WaitingRow>(
      `SELECT id, job_id, priority, queued_at, not_before, failures FROM steps
       WHERE status = 'queued' AND agent = $1 ORDER BY priority, queued_at LIMIT ${SHOWN_WAITING}`,
      [agent],
    );
  }

  /** How a step of the agent failed last, within 24 hours. */
  async lastFailure(agent: string): Promise<FailureRow | undefined> {
    const [row] = await this.db.query<FailureRow>(
      `SELECT finished_at AS at, error_code AS code, coalesce(error_message, '') AS message, job_id FROM steps
       WHERE status = 'failed' AND agent = $1 AND finished_at >= now() - interval '24 hours'
       ORDER BY finished_at DESC LIMIT 1`,
      [agent],
    );
    return row;
  }

  /** A part of the log of an agent, newest first. */
  logs(agent: string, level: string | undefined, slice: Slice): Promise<LogRow[]> {
    return this.db.query<LogRow>(
      `SELECT id, at, level, event, message, data, job_id, trace_id FROM system_events
       WHERE data->>'agent' = $1 AND ($2::text IS NULL OR level = $2) AND ($3::uuid IS NULL OR id < $3)
       ORDER BY id DESC LIMIT $4 OFFSET $5`,
      [agent, level ?? null, slice.after ?? null, slice.limit, slice.offset],
    );
  }

  /** How many lines it has. */
  logLines(agent: string, level: string | undefined): Promise<Total> {
    const where = `data->>'agent' = $1 AND ($2::text IS NULL OR level = $2)`;
    return countUpTo(this.db, `system_events WHERE ${where}`, [agent, level ?? null]);
  }
}
