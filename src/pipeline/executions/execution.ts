import type { Actor } from '../../platform/security/roles';
import { type AuditEntry, auditEntry, type RequestOrigin, storableText } from '../audit/audit-entry';
import { type EntryStamp, leafHash, leafRow } from '../audit/leaf';

/** How an execution stands. `unknown`: whoever ran it died, and whether it took effect cannot be told. */
export type ExecutionStatus = 'running' | 'succeeded' | 'failed' | 'unknown' | 'aborted';

/** An action that has been admitted, before anything is done. */
export interface Intent {
  readonly executionId: string;
  readonly action: string;
  readonly kind: 'act' | 'preview';
  readonly actor: Actor;
  readonly idempotencyKey: string | null;
  /** SHA-256 of the canonical action and payload. */
  readonly fingerprint: Buffer;
  /** What an operation is run with later; for the rest scrubbed. */
  readonly payload: unknown;
  /** For the audit. */
  readonly scrubbed: unknown;
  readonly reason: string | null;
  readonly detail: unknown;
  readonly origin: RequestOrigin;
  readonly leaseS: number;
}

/** What proves later that an entry is in the audit, and unchanged: its number, and its leaf in the Merkle tree. */
export interface AuditProof {
  readonly seq: number;
  /** 32 bytes in hexadecimal. */
  readonly leaf: string;
}

/** The right to run an execution, until the lease ends; whoever takes it over gets a higher fence. */
export interface Claim {
  readonly executionId: string;
  readonly fence: number;
  /** What the last who ran it kept (see `Checkpoint`), if it was taken over. */
  readonly checkpoint?: object | null;
  /** Of the intent with which it was claimed; not known to who runs what was handed over. */
  readonly audit?: AuditProof;
}

/** What an execution came to. */
export interface Outcome {
  readonly status: Exclude<ExecutionStatus, 'running'>;
  /** Of the HTTP answer; null where nobody is answered any more. */
  readonly httpStatus: number | null;
  /** The answer, to be replayed byte for byte. */
  readonly body: Buffer | string | null;
  /** What the handler returned. */
  readonly result: unknown;
  readonly errorCode: string | null;
  /** Whether the idempotency key may be used again. */
  readonly freesKey: boolean;
}

/** Who an outcome's audit entry names besides what the execution knows, as it is to be written. */
export interface OutcomeOrigin {
  readonly role: string | null;
  readonly ip: string | null;
  readonly userAgent: string | null;
}

/** An execution that holds the key which another request came with. */
export interface EarlierExecution {
  readonly id: string;
  readonly action: string;
  readonly status: ExecutionStatus;
  readonly fingerprint: Buffer;
  readonly fence: number;
  readonly response_status: number | null;
  readonly response_body: Buffer | null;
  readonly result: unknown;
  readonly error_code: string | null;
  /** Until the lease of whoever runs it ends, in seconds; negative once it has. */
  readonly lease_left_s: number;
  /** Whether the key is older than keys are kept. */
  readonly stale: boolean;
  /** Whether it was handed over to the operations queue. */
  readonly queued: boolean;
}

/** The audit entry of an intent, recorded before anything is done. */
export function intentEntry(intent: Intent, executionId: string): AuditEntry {
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

/** The proof of an entry, as it was written or as it was read back. */
export function auditProof(entry: AuditEntry, stamp: EntryStamp): AuditProof {
  return { seq: stamp.seq, leaf: leafHash(leafRow(entry, stamp)).toString('hex') };
}
