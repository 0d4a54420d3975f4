import { Inject, Injectable } from '@nestjs/common';
import { Db, type Tx } from '../../platform/postgres/db';
import { prepared } from '../../platform/postgres/statement';
import { AUDIT_COLUMNS, AUDIT_RECORD, type AuditEntry, auditEntry } from '../audit/audit-entry';
import { type EntryStamp, RETURN_STAMP } from '../audit/leaf';
import { PersonalFields } from '../audit/subjects/personal-fields';
import { ClaimWriter } from './claim-writer';
import {
  auditProof,
  type Claim,
  type EarlierExecution,
  type Intent,
  intentEntry,
  type Outcome,
  type OutcomeOrigin,
} from './execution';
import { OutcomeWriter } from './outcome-writer';

/** How long a key is remembered, in seconds. */
export const KEY_LIFE_S = 3_600;

const COLUMNS = AUDIT_COLUMNS.join(', ');
const ENTRY_COLUMNS = AUDIT_COLUMNS.map((column) => `entry.${column}`).join(', ');

const EARLIER = prepared(`
SELECT id, action, status, fingerprint, fence, response_status, response_body, result, error_code,
       extract(epoch FROM lease_until - now())::float8 AS lease_left_s,
       (status <> 'running' AND coalesce(finished_at, created_at) < now() - make_interval(secs => $3)) AS stale,
       progress IS NOT NULL AS queued
  FROM executions WHERE actor_id = $1 AND idempotency_key = $2`);

/**
 * Of all who try, one gets the row: the others find the fence or the lease changed. What nobody has closed yet is
 * closed as unknown before the new intent, as the sweeper would have done. What is run is what was asked for now: the
 * payload is the same, and the preview to keep to, the reason or whose it has to be need not be.
 */
const TAKE_OVER = `
WITH earlier AS (
  SELECT id, status FROM executions
   WHERE id = $1 AND fence = $2 AND ((status = 'running' AND lease_until < now()) OR status = 'unknown')
     FOR UPDATE
), taken AS (
  UPDATE executions e
     SET fence = e.fence + 1, status = 'running', lease_until = now() + make_interval(secs => $3),
         finished_at = NULL, error_code = NULL, response_status = NULL, response_body = NULL, result = NULL,
        payload = $5::jsonb
    FROM earlier WHERE e.id = earlier.id
  RETURNING e.id, e.fence, e.checkpoint, earlier.status AS was
), recorded AS (
  INSERT INTO audit_entries (${COLUMNS})
  SELECT ${ENTRY_COLUMNS} FROM taken, jsonb_to_recordset($4::jsonb) AS entry (${AUDIT_RECORD})
   WHERE entry.phase = 'intent' OR taken.was = 'running'
  RETURNING phase, ${RETURN_STAMP}
)
SELECT id, fence, checkpoint, seq, at FROM taken, recorded WHERE phase = 'intent'`;

type TakenRow = EntryStamp & { id: string; fence: number; checkpoint: object | null };

const NOBODY: OutcomeOrigin = { role: null, ip: null, userAgent: null };

/** Executions in Postgres, each change together with its audit entry. */
@Injectable()
export class ExecutionStore {
  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(ClaimWriter) private readonly claims: ClaimWriter,
    @Inject(OutcomeWriter) private readonly outcomes: OutcomeWriter,
    @Inject(PersonalFields) private readonly personal: PersonalFields,
  ) {}

  /** Records what is about to be done. @returns undefined if the actor has used this key before */
  claim(intent: Intent): Promise<Claim | undefined> {
    return this.claims.claim(intent);
  }

  /** The execution that the actor's key belongs to. */
  async findByKey(actorId: string, key: string): Promise<EarlierExecution | undefined> {
    const [row] = await this.db.query<EarlierExecution>(EARLIER, [actorId, key, KEY_LIFE_S]);
    return row;
  }

  /** Takes over an execution whose runner died. @returns undefined if another was faster */
  async takeOver(earlier: EarlierExecution, intent: Intent): Promise<Claim | undefined> {
    const entry = await this.personal.seal(intentEntry(intent, earlier.id));
    const [row] = await this.db.query<TakenRow>(TAKE_OVER, [
      earlier.id,
      earlier.fence,
      intent.leaseS,
      JSON.stringify([abandonedEntry(intent, earlier.id), entry]),
      JSON.stringify(intent.payload),
    ]);
    if (!row) return undefined;
    const { id, fence, checkpoint } = row;
    return { executionId: id, fence, checkpoint, audit: auditProof(entry, row) };
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
    answer: { status: number; body: Buffer | string },
  ): Promise<{ status: number; body: Buffer } | undefined> {
    const [kept] = await this.db.query<{ status: number; body: Buffer }>(
      `UPDATE executions
          SET response_status = coalesce(response_status, $2), response_body = coalesce(response_body, $3)
        WHERE id = $1 RETURNING response_status AS status, response_body AS body`,
      [executionId, answer.status, Buffer.from(answer.body)],
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
  settle(claim: Claim, outcome: Outcome, origin: OutcomeOrigin = NOBODY, tx?: Tx): Promise<boolean> {
    return tx
      ? this.outcomes.settleIn(tx, claim, outcome, origin)
      : this.outcomes.settle(claim, outcome, origin);
  }
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
