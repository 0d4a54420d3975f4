import { Inject, Injectable } from '@nestjs/common';
import { Db, type Tx } from '../../platform/postgres/db';
import type { Carrier } from '../../platform/telemetry/trace-context';
import type { Role } from '../../platform/security/roles';
import type { Progress } from '../catalogue/action-command';
import type { StopReport } from '../catalogue/stopped-early';
import type { StoredRequest } from '../executions/claims';
import type { Claim } from '../executions/execution';
import { ClaimLost } from '../executions/lease-keeper';

/** An operation that this process may run. */
export interface TakenOperation {
  readonly claim: Claim;
  readonly action: string;
  readonly request: StoredRequest;
  readonly traceId: string;
  /** The span that handed it over, if there was one. */
  readonly carrier: Carrier | null;
  /** As they are now, not as they were when the operation was asked for. */
  readonly actor: { userId: string; email: string; role: Role; enabled: boolean };
  readonly progress: Progress;
  /** What an earlier run kept; null if there was none. */
  readonly checkpoint: object | null;
  /** How often a process has begun to run it and neither ended it nor gave it back, this one included. */
  readonly attempts: number;
  readonly abortRequested: boolean;
}

interface TakenRow {
  id: string;
  fence: number;
  action: string;
  payload: StoredRequest;
  trace_id: string;
  trace_context: Carrier | null;
  user_id: string;
  email: string;
  role: Role;
  enabled: boolean;
  progress: Progress;
  checkpoint: object | null;
  attempts: number;
  abort_requested: boolean;
}

const TAKE = `
UPDATE executions e
   SET fence = e.fence + 1, attempts = e.attempts + 1, lease_until = now() + make_interval(secs => $2)
  FROM users u
 WHERE e.id = $1 AND u.id = e.actor_id AND e.status = 'running' AND e.kind = 'act'
   AND e.progress IS NOT NULL AND e.lease_until <= now()
RETURNING e.id, e.fence, e.action, e.payload, e.trace_id, e.trace_context, e.progress, e.checkpoint, e.attempts,
  e.abort_requested_at IS NOT NULL AS abort_requested, u.id AS user_id, u.email, u.role, u.enabled`;

/** The end of one that was stopped, with what it had done, and its audit entry, in one statement. */
const CLOSE = `
WITH closed AS (
  UPDATE executions
     SET status = 'aborted', error_code = 'OPERATION_ABORTED', result = $2::jsonb, finished_at = now(), fence = fence + 1
   WHERE id = $1 AND status = 'running' AND progress IS NOT NULL
     AND CASE WHEN $3::int IS NULL THEN lease_until <= now() ELSE fence = $3 END
  RETURNING id, kind, actor_id, action, trace_id
), recorded AS (
  INSERT INTO audit_entries (phase, kind, outcome, execution_id, actor_id, action, error_code, detail, trace_id)
  SELECT 'outcome', kind, 'aborted', id, actor_id, action, 'OPERATION_ABORTED', $2::jsonb, trace_id FROM closed
)
SELECT id FROM closed`;

/** Operations in Postgres: who runs them, and how far they are. Every write of a runner carries its fence. */
@Injectable()
export class OperationStore {
  constructor(@Inject(Db) private readonly db: Db) {}

  /** Takes an operation that is ready, or whose runner died. @returns undefined if there is none to take */
  async take(executionId: string, leaseS: number): Promise<TakenOperation | undefined> {
    const [row] = await this.db.query<TakenRow>(TAKE, [executionId, leaseS]);
    if (!row) return undefined;
    return {
      claim: { executionId: row.id, fence: row.fence },
      action: row.action,
      request: row.payload,
      traceId: row.trace_id,
      carrier: row.trace_context,
      actor: { userId: row.user_id, email: row.email, role: row.role, enabled: row.enabled },
      progress: row.progress,
      checkpoint: row.checkpoint,
      attempts: row.attempts,
      abortRequested: row.abort_requested,
    };
  }

  /** Keeps the claim for longer, with the progress. @returns undefined if the claim was lost */
  async beat(
    { executionId, fence }: Claim,
    leaseS: number,
    progress: Progress,
  ): Promise<{ abortRequested: boolean } | undefined> {
    const [row] = await this.db.query<{ abort_requested: boolean }>(
      `UPDATE executions SET lease_until = now() + make_interval(secs => $3), progress = $4::jsonb
        WHERE id = $1 AND fence = $2 AND status = 'running'
       RETURNING abort_requested_at IS NOT NULL AS abort_requested`,
      [executionId, fence, leaseS, JSON.stringify(progress)],
    );
    return row && { abortRequested: row.abort_requested };
  }

  /** Keeps what the next runner is to go on from. @throws ClaimLost if that is at work already */
  async saveCheckpoint({ executionId, fence }: Claim, state: object, tx: Tx = this.db): Promise<void> {
    const held = await tx.execute(
      `UPDATE executions SET checkpoint = $3::jsonb WHERE id = $1 AND fence = $2 AND status = 'running'`,
      [executionId, fence, JSON.stringify(state)],
    );
    if (held !== 1) throw new ClaimLost();
  }

  /** Gives an operation back for another process to go on with. */
  async release({ executionId, fence }: Claim): Promise<void> {
    await this.db.execute(
      `UPDATE executions SET lease_until = now(), attempts = attempts - 1
        WHERE id = $1 AND fence = $2 AND status = 'running'`,
      [executionId, fence],
    );
  }

  /** Asks for the end of a running operation. @returns false if it has ended */
  async requestAbort(executionId: string, by: string): Promise<boolean> {
    const rows = await this.db.execute(
      `UPDATE executions
          SET abort_requested_at = coalesce(abort_requested_at, now()), abort_requested_by = coalesce(abort_requested_by, $2)
        WHERE id = $1 AND status = 'running'`,
      [executionId, by],
    );
    return rows === 1;
  }

  /**
   * Records that an operation was stopped, and what it had done.
   *
   * @param fence of its runner; without one it is closed only if nobody runs it
   * @returns false if it is somebody else's, or has ended
   */
  async closeAborted(executionId: string, report: StopReport, fence?: number): Promise<boolean> {
    const rows = await this.db.query(CLOSE, [executionId, JSON.stringify(report), fence ?? null]);
    return rows.length === 1;
  }
}

/** What can be said of an operation that did not say itself what it had done. */
export function reportFrom({ done, total }: Progress): StopReport {
  return { done, not_done: total === undefined ? null : Math.max(0, total - done) };
}
