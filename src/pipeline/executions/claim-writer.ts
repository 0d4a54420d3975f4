import { Inject, Injectable } from '@nestjs/common';
import { type BatchResults, Batcher } from '../../platform/batching/batcher';
import { Db } from '../../platform/postgres/db';
import { prepared } from '../../platform/postgres/statement';
import { AUDIT_COLUMNS, AUDIT_RECORD, type AuditEntry } from '../audit/audit-entry';
import { AT_TEXT, type EntryStamp, LEAF_COLUMNS, RETURN_STAMP, type SealedFields } from '../audit/leaf';
import { PersonalFields } from '../audit/subjects/personal-fields';
import { auditProof, type Claim, type Intent, intentEntry } from './execution';

const COLUMNS = AUDIT_COLUMNS.join(', ');
/** Of an execution that nobody has taken over. */
const FIRST_FENCE = 1;

/**
 * Executions with their audit intents, in one statement: there is never one without the other, and of all requests with
 * the same key, be they in the same batch, one gets its rows and the others none. The order of the keys is the same in
 * every process, so that two batches never wait for each other; all executions are there before the first intent is, so
 * that none waits while it holds what intents wait for.
 */
const CLAIM = prepared(`
WITH given AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset($1::jsonb)
      AS given (${AUDIT_RECORD}, idempotency_key text, fingerprint text, request jsonb, lease_s float8)
), claimed AS (
  INSERT INTO executions
    (id, action, kind, actor_id, status, idempotency_key, fingerprint, payload, fence, lease_until, trace_id)
  SELECT execution_id, action, kind, actor_id, 'running', idempotency_key, decode(fingerprint, 'hex'), request,
         ${FIRST_FENCE}, now() + make_interval(secs => lease_s), trace_id
    FROM given ORDER BY actor_id, idempotency_key
  ON CONFLICT DO NOTHING
  RETURNING id
), recorded AS (
  INSERT INTO audit_entries (${COLUMNS})
  SELECT ${COLUMNS} FROM given WHERE execution_id = ANY (ARRAY(SELECT id FROM claimed))
  RETURNING execution_id, ${RETURN_STAMP}
)
SELECT execution_id, seq, at FROM recorded`);

/** A claim that nobody has taken over, with its intent. */
const HELD = prepared(`
SELECT ${LEAF_COLUMNS.map((column) => (column === 'at' ? `${AT_TEXT} AS at` : `a.${column}`)).join(', ')}
  FROM executions e JOIN audit_entries a ON a.execution_id = e.id AND a.phase = 'intent'
 WHERE e.id = $1 AND e.fence = ${FIRST_FENCE} AND e.status = 'running'`);

/** An intent on its way, with the very entry that the audit will hold. */
interface Writing {
  readonly intent: Intent;
  readonly entry: AuditEntry;
}

/** Commits claims with their intents: all that come while one commit is under way go together in the next one. */
@Injectable()
export class ClaimWriter {
  private readonly batches = new Batcher<Writing, Claim | undefined>((batch) => this.write(batch));

  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(PersonalFields) private readonly personal: PersonalFields,
  ) {}

  /** Records what is about to be done. @returns undefined if the actor has used this key before */
  async claim(intent: Intent): Promise<Claim | undefined> {
    const entry = await this.personal.seal(intentEntry(intent, intent.executionId));
    return this.batches.push({ intent, entry });
  }

  private async write(batch: readonly Writing[]): Promise<BatchResults<Claim | undefined>> {
    try {
      return await this.insert(batch);
    } catch {
      // One that Postgres does not take must not fail the others, and a commit may have been done although the
      // connection broke before it was confirmed: each finds out for itself.
      return batch.map((one) => this.writeAlone(one));
    }
  }

  private async writeAlone(one: Writing): Promise<Claim | undefined> {
    const [held] = await this.db.query<SealedFields>(HELD, [one.intent.executionId]);
    if (held) return claimOf(one, held);
    const [claim] = await this.insert([one]);
    return claim;
  }

  private async insert(batch: readonly Writing[]): Promise<(Claim | undefined)[]> {
    const rows = await this.db.query<EntryStamp & { execution_id: string }>(CLAIM, [
      JSON.stringify(batch.map(rowOf)),
    ]);
    const stamps = new Map(rows.map((row) => [row.execution_id, row]));
    return batch.map((one) => {
      const stamp = stamps.get(one.intent.executionId);
      return stamp && claimOf(one, stamp);
    });
  }
}

function rowOf({ intent, entry }: Writing): object {
  return {
    ...entry,
    idempotency_key: intent.idempotencyKey,
    fingerprint: intent.fingerprint.toString('hex'),
    request: intent.payload,
    lease_s: intent.leaseS,
  };
}

function claimOf({ intent, entry }: Writing, stamp: EntryStamp): Claim {
  return { executionId: intent.executionId, fence: FIRST_FENCE, audit: auditProof(entry, stamp) };
}
