import type { Arena } from './arena/arena';
import type { Query } from './arena/patiently';
import type { Crash } from './arena/supervised';
import { auditProblem } from './audit-verify';
import type { Attempt, Effect, FaultRecord, History, Order } from './history';
import { readLedger } from './ledger';

/** An entry of the audit. */
export interface AuditEntry {
  seq: number;
  /** In milliseconds since the epoch. */
  at: number;
  phase: string;
  kind: string;
  outcome: string;
  execution_id: string | null;
  action: string | null;
  error_code: string | null;
  trace_id: string | null;
  count: number;
}

/** A job as it is in the end. */
export interface JobRow {
  id: string;
  status: string;
  attempt: number;
  /** Its steps that wait or run. */
  active: number;
}

/** All that is known about a run: what clients saw, what was done to it, and what Postgres holds in the end. */
export interface Evidence {
  orders: readonly Order[];
  attempts: readonly Attempt[];
  faults: readonly FaultRecord[];
  crashes: readonly Crash[];
  /** By the ledger. */
  effects: readonly Effect[];
  /** In the order of seq. */
  audit: readonly AuditEntry[];
  /** What `npm run audit:verify` found; undefined if all is well. */
  auditProblem: string | undefined;
  /** Executions that are still running. */
  running: readonly string[];
  jobs: readonly JobRow[];
  /** The jobs that were made. */
  made: readonly string[];
}

/** The executions that run. */
export async function readRunning(query: Query): Promise<string[]> {
  const rows = await query<{ id: string }>(`SELECT id FROM executions WHERE status = 'running'`);
  return rows.map(({ id }) => id);
}

/** Puts together what the clients saw and what Postgres holds. */
export async function gather(
  { query, crashes, environment }: Pick<Arena, 'query' | 'crashes' | 'environment'>,
  { orders, attempts, faults }: History,
  made: readonly string[],
): Promise<Evidence> {
  return {
    orders,
    attempts,
    faults,
    crashes,
    made,
    effects: await readLedger(query),
    audit: await query<AuditEntry>(AUDIT),
    auditProblem: await auditProblem(environment),
    running: await readRunning(query),
    jobs: await query<JobRow>(JOBS),
  };
}

const AUDIT = `
SELECT seq, extract(epoch FROM at)::float8 * 1000 AS at, phase, kind, outcome, execution_id, action, error_code,
       trace_id, count
  FROM audit_entries ORDER BY seq`;

const JOBS = `
SELECT id, status, attempt,
       (SELECT count(*) FROM steps s WHERE s.job_id = j.id AND s.status IN ('queued', 'processing')) AS active
  FROM jobs j`;
