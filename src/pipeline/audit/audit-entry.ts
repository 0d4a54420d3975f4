import { MASK } from '../../platform/security/scrub';
import { maskSecrets } from '../../platform/security/scrub-text';
import { beginning } from '../../platform/text/cut';

/** Who and where a request came from, as the audit records it. */
export interface RequestOrigin {
  readonly traceId: string;
  readonly ip: string | null;
  readonly userAgent: string | null;
}

/** What an entry says that something came to. */
export const AUDIT_OUTCOMES = ['pending', 'succeeded', 'failed', 'denied', 'unknown', 'aborted'] as const;
export type AuditOutcome = (typeof AUDIT_OUTCOMES)[number];

/** What an audit entry says apart from its number and time, which Postgres sets. */
export interface AuditEntry {
  readonly phase: 'intent' | 'outcome' | 'denial' | 'security';
  readonly kind: 'act' | 'preview';
  readonly outcome: AuditOutcome;
  readonly execution_id: string | null;
  readonly actor_id: string | null;
  readonly actor_role: string | null;
  readonly action: string | null;
  /** Scrubbed. */
  readonly payload: unknown;
  readonly status: number | null;
  readonly error_code: string | null;
  readonly reason: string | null;
  readonly detail: unknown;
  readonly trace_id: string | null;
  readonly ip: string | null;
  readonly user_agent: string | null;
  readonly count: number;
}

/** The columns that the application writes, in the order of {@link auditValues}. */
export const AUDIT_COLUMNS = [
  'phase',
  'kind',
  'outcome',
  'execution_id',
  'actor_id',
  'actor_role',
  'action',
  'payload',
  'status',
  'error_code',
  'reason',
  'detail',
  'trace_id',
  'ip',
  'user_agent',
  'count',
] as const satisfies readonly (keyof AuditEntry)[];

/** How Postgres is to read each of the columns when they come as one JSON array of objects. */
export const AUDIT_RECORD = `phase text, kind text, outcome text, execution_id uuid, actor_id uuid,
  actor_role text, action text, payload jsonb, status smallint, error_code text, reason text, detail jsonb,
  trace_id text, ip text, user_agent text, count integer`;

const EMPTY: AuditEntry = {
  phase: 'denial',
  kind: 'act',
  outcome: 'denied',
  execution_id: null,
  actor_id: null,
  actor_role: null,
  action: null,
  payload: null,
  status: null,
  error_code: null,
  reason: null,
  detail: null,
  trace_id: null,
  ip: null,
  user_agent: null,
  count: 1,
};

/** An entry with what is not given left empty. */
export function auditEntry(given: Partial<AuditEntry> & Pick<AuditEntry, 'phase' | 'outcome'>): AuditEntry {
  return { ...EMPTY, ...given };
}

/** Characters as `MaxLength` counts them: a surrogate pair is one. */
const MAX_TEXT = 500;

/**
 * Text from outside that Postgres can store and a reader can trust: on one line, no control characters, not endless,
 * and without secrets, which end up in a user agent, too.
 *
 * @param most characters that are kept; a surrogate pair is one
 */
export function storableText(text: string, most?: number): string;
export function storableText(text: string | null | undefined, most?: number): string | null;
export function storableText(text: string | null | undefined, most = MAX_TEXT): string | null {
  if (text === null || text === undefined) return null;
  const line = text.replace(/[\p{Cc}\u2028\u2029]/gu, '\ufffd');
  // Cut before it is searched, too: what is dropped need not be.
  const masked = maskSecrets(beginning(line, 2 * MAX_TEXT), MASK);
  // Last, since whatever cuts may leave half of a pair, and Postgres takes none.
  return beginning(masked, most).toWellFormed();
}
