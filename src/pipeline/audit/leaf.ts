import { hash } from 'node:crypto';
import { canonicalJson } from '../../platform/security/canonical-json';
import { AUDIT_COLUMNS, type AuditEntry } from './audit-entry';

/** What Postgres adds to an entry: its number, and its time as {@link AT_TEXT} writes it. */
export interface EntryStamp {
  readonly seq: number;
  readonly at: string;
}

/** All columns of an audit entry: what a seal vouches for. */
export interface SealedFields extends AuditEntry, EntryStamp {}

/** The columns of {@link SealedFields}, as they are named in the table. */
export const LEAF_COLUMNS = [
  'seq',
  'at',
  ...AUDIT_COLUMNS,
] as const satisfies readonly (keyof SealedFields)[];

/**
 * SQL for a time as text in UTC with microseconds, which a Date cannot hold: `2026-01-02T03:04:05.678901Z`. Of a year
 * before Christ to_char gives the number alone, and so the text of another time; what is hashed must not be that.
 */
export function timeText(column: string): string {
  const text = `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
  return `${text} || CASE WHEN ${column} < '0001-01-01Z'::timestamptz THEN ' BC' ELSE '' END`;
}

/** The column `at` as {@link timeText} writes it. */
export const AT_TEXT = timeText('at');

/** What an `INSERT INTO audit_entries ... RETURNING` must return to make an {@link EntryStamp}. */
export const RETURN_STAMP = `seq, ${AT_TEXT} AS at`;

/** Names what is hashed and how; another form of entry gets another one. */
const VERSION = 'agentos-audit-entry/1';
/** RFC 6962, section 2.1: so that nobody can pass a node of the tree off as a leaf. */
const LEAF_PREFIX = '\u0000';

/** The entry as it was written, with the stamp that Postgres gave it. */
export function leafRow(entry: AuditEntry, { seq, at }: EntryStamp): SealedFields {
  return { ...entry, seq, at };
}

/** Canonical JSON has keys in this order. */
const SORTED_COLUMNS = [...LEAF_COLUMNS].sort();

/**
 * The leaf of an entry in the audit's Merkle tree (RFC 6962): SHA-256 of 0x00 and the canonical JSON (RFC 8785)
 * of the version and all columns. The same for what was inserted and for what is read back: jsonb writes numbers
 * and the order of keys in its own way, which canonical JSON undoes.
 *
 * @throws Error if a value has no JSON form, such as NaN
 */
export function leafHash(fields: SealedFields): Buffer {
  return hash('sha256', LEAF_PREFIX + canonicalRow(fields), 'buffer');
}

/** What canonicalJson makes of version and row, in half the time: every action waits for this. */
function canonicalRow(fields: SealedFields): string {
  const columns = SORTED_COLUMNS.map((column) => {
    const value = fields[column] ?? null;
    return `"${column}":${typeof value === 'object' && value !== null ? canonicalJson(value) : JSON.stringify(value)}`;
  });
  return `["${VERSION}",{${columns.join(',')}}]`;
}
