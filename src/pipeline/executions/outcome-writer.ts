import { Inject, Injectable } from '@nestjs/common';
import { type BatchResults, Batcher } from '../../platform/batching/batcher';
import { Db, type Tx } from '../../platform/postgres/db';
import { prepared } from '../../platform/postgres/statement';
import type { Claim, Outcome, OutcomeOrigin } from './execution';

/** Answers longer than this are written alone: others need not wait for them. */
const LARGE = 65_536;

/** The outcome and its audit entry, in one statement, and only for whoever still holds the execution. */
const SETTLE = prepared(`
WITH settled AS (
  UPDATE executions
     SET status = $3, response_status = coalesce($4, response_status),
         response_body = coalesce($5, response_body), result = $6::jsonb, error_code = $7,
         idempotency_key = CASE WHEN $8 THEN NULL ELSE idempotency_key END, finished_at = now()
   WHERE id = $1 AND fence = $2 AND status = 'running'
  RETURNING id, kind, actor_id, action, trace_id
)
INSERT INTO audit_entries
  (phase, kind, outcome, execution_id, actor_id, actor_role, action, status, error_code, trace_id, ip, user_agent)
SELECT 'outcome', kind, $3, id, actor_id, $9, action, $4, $7, trace_id, $10, $11 FROM settled`);

/**
 * The same for many. The parameters `running` and the limits, which cut off nothing, are there for the planner: it
 * shall find each execution by its id, and go neither through the index of all that run, which is full of those that
 * have ended since it was last vacuumed, nor through the whole table, as it does when it has seen that only while it
 * was small, and takes ten executions or a hundred to be looked for: it takes each limit for a tenth of what is limited.
 */
const SETTLE_MANY = prepared(`
WITH given AS MATERIALIZED (
  SELECT * FROM (
    SELECT * FROM jsonb_to_recordset($1::jsonb)
        AS given (id uuid, fence integer, outcome text, status smallint, body text, result jsonb, error_code text,
                  frees_key boolean, actor_role text, ip text, user_agent text)
     LIMIT $2
  ) AS all_of_them LIMIT $2
), settled AS (
  UPDATE executions e
     SET status = g.outcome, response_status = coalesce(g.status, e.response_status),
         response_body = coalesce(convert_to(g.body, 'UTF8'), e.response_body), result = g.result,
         error_code = g.error_code,
         idempotency_key = CASE WHEN g.frees_key THEN NULL ELSE e.idempotency_key END, finished_at = now()
    FROM given g
   WHERE e.id = g.id AND e.fence = g.fence AND e.status = $3
  RETURNING e.id, e.kind, e.actor_id, e.action, e.trace_id
), recorded AS (
  INSERT INTO audit_entries
    (phase, kind, outcome, execution_id, actor_id, actor_role, action, status, error_code, trace_id, ip, user_agent)
  SELECT 'outcome', s.kind, g.outcome, s.id, s.actor_id, g.actor_role, s.action, g.status, g.error_code, s.trace_id,
         g.ip, g.user_agent
    FROM given g JOIN settled s ON s.id = g.id
)
SELECT id FROM settled`);

interface Writing {
  readonly claim: Claim;
  readonly outcome: Outcome;
  readonly origin: OutcomeOrigin;
}

/** Commits outcomes: all that come while one commit is under way go together in the next one. */
@Injectable()
export class OutcomeWriter {
  private readonly batches = new Batcher<Writing, boolean>((batch) => this.write(batch));

  constructor(@Inject(Db) private readonly db: Db) {}

  /** Records an outcome. @returns false if the claim was lost: nothing is recorded then */
  settle(claim: Claim, outcome: Outcome, origin: OutcomeOrigin): Promise<boolean> {
    const large = (outcome.body?.length ?? 0) > LARGE;
    return large
      ? this.settleIn(this.db, claim, outcome, origin)
      : this.batches.push({ claim, outcome, origin });
  }

  /** The same within a transaction, or alone. */
  async settleIn(tx: Tx, claim: Claim, outcome: Outcome, origin: OutcomeOrigin): Promise<boolean> {
    const rows = await tx.execute(SETTLE, [
      claim.executionId,
      claim.fence,
      outcome.status,
      outcome.httpStatus,
      outcome.body === null ? null : Buffer.from(outcome.body),
      outcome.result === undefined ? null : JSON.stringify(outcome.result),
      outcome.errorCode,
      outcome.freesKey,
      origin.role,
      origin.ip,
      origin.userAgent,
    ]);
    return rows === 1;
  }

  private async write(batch: readonly Writing[]): Promise<BatchResults<boolean>> {
    try {
      const rows = await this.db.query<{ id: string }>(SETTLE_MANY, [
        JSON.stringify(batch.map(rowOf)),
        batch.length,
        'running',
      ]);
      const settled = new Set(rows.map(({ id }) => id));
      return batch.map(({ claim }) => settled.has(claim.executionId));
    } catch (error) {
      // One that Postgres does not take must not fail the others.
      if (batch.length === 1) throw error;
      return batch.map((one) => this.settleIn(this.db, one.claim, one.outcome, one.origin));
    }
  }
}

function rowOf({ claim, outcome, origin }: Writing): object {
  return {
    id: claim.executionId,
    fence: claim.fence,
    outcome: outcome.status,
    status: outcome.httpStatus,
    body: outcome.body?.toString(),
    result: outcome.result,
    error_code: outcome.errorCode,
    frees_key: outcome.freesKey,
    actor_role: origin.role,
    ip: origin.ip,
    user_agent: origin.userAgent,
  };
}
