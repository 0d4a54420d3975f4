import { Inject, Injectable } from '@nestjs/common';
import { Db, type Tx } from '../../platform/postgres/db';
import { AUDIT_COLUMNS, AUDIT_RECORD, type AuditEntry, auditEntry, storableText } from '../audit/audit-entry';
import type { Claim, EarlierExecution, Intent, Outcome } from './execution';

/** How long a key is remembered, in seconds. */
export const KEY_LIFE_S = 3_600;

const COLUMNS = AUDIT_COLUMNS.join(', ');
const ENTRY_COLUMNS = AUDIT_COLUMNS.map((column) => `entry.${column}`).join(', ');

/**
 * The execution and the audit's intent, in one statement: there is never one without the other, and of two
 * requests with the same key one gets a row and the other none.
 */
const CLAIM = `
WITH claimed AS (
  INSERT INTO executions (id, action, kind, actor_id, status, idempotency_key, fingerprint, payload, lease_until, trace_id)
  VALUES ($1, $2, $3, $4, 'running', $5, $6, $7::jsonb, now() + make_interval(secs => $8), $9)
  ON CONFLICT (actor_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
  RETURNING id, fence
), recorded AS (
  INSERT INTO audit_entries (${COLUMNS})
  SELECT ${COLUMNS} FROM jsonb_to_recordset($10::jsonb) AS entry (${AUDIT_RECORD})
   WHERE EXISTS (SELECT FROM claimed)
)
SELECT id, fence FROM claimed`;

const EARLIER = `
SELECT id, action, status, fingerprint, fence, response_status, response_body, result, error_code,
       extract(epoch FROM lease_until - now())::float8 AS lease_left_s,
       (status <> 'running' AND coalesce(finished_at, created_at) < now() - make_interval(secs => $3)) AS stale,
       progress IS NOT NULL AS queued
  FROM executions WHERE actor_id = $1 AND idempotency_key = $2`;

/**
 * Of all who try, one gets the row: the others find the fence or the lease changed. What nobody has closed yet is
 * closed as unknown before the new intent, as the sweeper would have done.
 */
const TAKE_OVER = `
WITH earlier AS (
  SELECT id, status FROM executions
   WHERE id = $1 AND fence = $2 AND ((status = 'running' AND lease_until < now()) OR status = 'unknown')
     FOR UPDATE
), taken AS (
  UPDATE executions e
     SET fence = e.fence + 1, status = 'running', lease_until = now() + make_interval(secs => $3),
         finished_at = NULL, error_code = NULL, response_status = NULL, response_body = NULL, result = NULL
    FROM earlier WHERE e.id = earlier.id
  RETURNING e.id, e.fence, earlier.status AS was
), recorded AS (
  INSERT INTO audit_entries (${COLUMNS})
  SELECT ${ENTRY_COLUMNS} FROM taken, jsonb_to_recordset($4::jsonb) AS entry (${AUDIT_RECORD})
   WHERE entry.phase = 'intent' OR taken.was = 'running'
)
SELECT id, fence FROM taken`;

/** The outcome and its audit entry, in one statement, and only for whoever still holds the execution. */
const SETTLE = `
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
SELECT 'outcome', kind, $3, id, actor_id, $9, action, $4, $7, trace_id, $10, $11 FROM settled`;

/** Who an outcome's audit entry names besides what the execution knows. */
export interface OutcomeOrigin {
  readonly role: string | null;
  readonly ip: string | null;
  readonly userAgent: string | null;
}

const NOBODY: OutcomeOrigin = { role: null, ip: null, userAgent: null };

/** Executions in Postgres, each change together with its audit entry. */
@Injectable()
export class ExecutionStore {
  constructor(@Inject(Db) private readonly db: Db) {}

  /** Records what is about to be done. @returns undefined if the actor has used this key before */
  async claim(intent: Intent): Promise<Claim | undefined> {
    const [row] = await this.db.query<{ id: string; fence: number }>(CLAIM, [
      intent.executionId,
      intent.action,
      intent.kind,
      intent.actor.userId,
      intent.idempotencyKey,
      intent.fingerprint,
      JSON.stringify(intent.payload),
      intent.leaseS,
      intent.origin.traceId,
      JSON.stringify([intentEntry(intent, intent.executionId)]),
    ]);
    return row && { executionId: row.id, fence: row.fence };
  }

  /** The execution that the actor's key belongs to. */
  async findByKey(actorId: string, key: string): Promise<EarlierExecution | undefined> {
    const [row] = await this.db.query<EarlierExecution>(EARLIER, [actorId, key, KEY_LIFE_S]);
    return row;
  }

  /** Takes over an execution whose runner died. @returns undefined if another was faster */
  async takeOver(earlier: EarlierExecution, intent: Intent): Promise<Claim | undefined> {
    const [row] = await this.db.query<{ id: string; fence: number }>(TAKE_OVER, [
      earlier.id,
      earlier.fence,
      intent.leaseS,
      JSON.stringify([abandonedEntry(intent, earlier.id), intentEntry(intent, earlier.id)]),
    ]);
    return row && { executionId: row.id, fence: row.fence };
  }

  /** Forgets a key that is older than keys are kept, so that it can be used anew. */
  async forgetKey(executionId: string): Promise<void> {
    await this.db.execute(
      `UPDATE executions SET idempotency_key = NULL WHERE id = $1 AND status <> 'running'`,
      [executionId],
    );
  }

  /**
   * Keeps the answer to a key that has none yet.
   *
   * @returns the answer that is kept, which is another one if somebody was faster; undefined if there is no such execution
   */
  async keepAnswer(
    executionId: string,
    answer: { status: number; body: Buffer },
  ): Promise<{ status: number; body: Buffer } | undefined> {
    const [kept] = await this.db.query<{ status: number; body: Buffer }>(
      `UPDATE executions
          SET response_status = coalesce(response_status, $2), response_body = coalesce(response_body, $3)
        WHERE id = $1 RETURNING response_status AS status, response_body AS body`,
      [executionId, answer.status, answer.body],
    );
    return kept;
  }

  /** Keeps a claim for longer. @returns false if it was lost, or the execution has ended */
  async renew(claim: Claim, leaseS: number): Promise<boolean> {
    const rows = await this.db.execute(
      `UPDATE executions SET lease_until = now() + make_interval(secs => $3)
        WHERE id = $1 AND fence = $2 AND status = 'running'`,
      [claim.executionId, claim.fence, leaseS],
    );
    return rows === 1;
  }

  /** Records the outcome. @returns false if the claim was lost: nothing is recorded then */
  async settle(
    claim: Claim,
    outcome: Outcome,
    origin: OutcomeOrigin = NOBODY,
    tx: Tx = this.db,
  ): Promise<boolean> {
    const rows = await tx.execute(SETTLE, [
      claim.executionId,
      claim.fence,
      outcome.status,
      outcome.httpStatus,
      outcome.body,
      outcome.result === undefined ? null : JSON.stringify(outcome.result),
      outcome.errorCode,
      outcome.freesKey,
      origin.role,
      origin.ip,
      storableText(origin.userAgent),
    ]);
    return rows === 1;
  }
}

function intentEntry(intent: Intent, executionId: string): AuditEntry {
  return auditEntry({
    phase: 'intent',
    kind: intent.kind,
    outcome: 'pending',
    execution_id: executionId,
    actor_id: intent.actor.userId,
    actor_role: intent.actor.role,
    action: intent.action,
    payload: intent.scrubbed,
    reason: storableText(intent.reason),
    detail: intent.detail,
    trace_id: intent.origin.traceId,
    ip: intent.origin.ip,
    user_agent: storableText(intent.origin.userAgent),
  });
}

/** The end of an execution whose runner died: by nobody in particular, like the sweeper's. */
function abandonedEntry({ kind, action, actor, origin }: Intent, executionId: string): AuditEntry {
  return auditEntry({
    phase: 'outcome',
    kind,
    outcome: 'unknown',
    execution_id: executionId,
    actor_id: actor.userId,
    action,
    trace_id: origin.traceId,
  });
}
