import { Inject, Injectable } from '@nestjs/common';
import { Db } from '../../platform/postgres/db';
import type { Carrier } from '../../platform/telemetry/trace-context';
import type { Progress } from '../catalogue/action-command';
import type { Role } from '../../platform/security/roles';
import type { StoredRequest } from '../executions/claims';
import type { Claim } from '../executions/execution';

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
}

/** Operations in Postgres: who runs them, and how far they are. */
@Injectable()
export class OperationStore {
  constructor(@Inject(Db) private readonly db: Db) {}

  /** Takes an operation that is ready, or whose runner died. @returns undefined if there is none to take */
  async take(executionId: string, leaseS: number): Promise<TakenOperation | undefined> {
    const [row] = await this.db.query<TakenRow>(
      `UPDATE executions e SET fence = e.fence + 1, lease_until = now() + make_interval(secs => $2)
         FROM users u
        WHERE e.id = $1 AND u.id = e.actor_id AND e.status = 'running' AND e.kind = 'act'
          AND e.progress IS NOT NULL AND e.lease_until <= now()
       RETURNING e.id, e.fence, e.action, e.payload, e.trace_id, e.trace_context,
                 u.id AS user_id, u.email, u.role, u.enabled`,
      [executionId, leaseS],
    );
    if (!row) return undefined;
    return {
      claim: { executionId: row.id, fence: row.fence },
      action: row.action,
      request: row.payload,
      traceId: row.trace_id,
      carrier: row.trace_context,
      actor: { userId: row.user_id, email: row.email, role: row.role, enabled: row.enabled },
    };
  }

  /** Keeps how far an operation is. */
  async saveProgress(claim: Claim, progress: Progress): Promise<void> {
    await this.db.execute(
      `UPDATE executions SET progress = $3::jsonb WHERE id = $1 AND fence = $2 AND status = 'running'`,
      [claim.executionId, claim.fence, JSON.stringify(progress)],
    );
  }

  /** Gives an operation back for another process to run. */
  async release(claim: Claim): Promise<void> {
    await this.db.execute(
      `UPDATE executions SET lease_until = now() WHERE id = $1 AND fence = $2 AND status = 'running'`,
      [claim.executionId, claim.fence],
    );
  }
}
