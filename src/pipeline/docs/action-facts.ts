import type { ErrorCode } from '../../platform/errors/error-codes';
import { type CatalogueEntry, isAbortable } from '../catalogue/catalogue-entry';

/** Codes that any action may answer with. */
export const COMMON_ERRORS: readonly ErrorCode[] = [
  'AUDIT_UNAVAILABLE',
  'FORBIDDEN',
  'IDEMPOTENCY_IN_PROGRESS',
  'IDEMPOTENCY_KEY_INVALID',
  'IDEMPOTENCY_MISMATCH',
  'INTERNAL_ERROR',
  'IP_NOT_ALLOWED',
  'RATE_LIMITED',
  'SERVICE_UNAVAILABLE',
  'UNAUTHORIZED',
  'VALIDATION_ERROR',
];

/** The codes of an action beyond the common ones: those declared, and those that its attributes bring. */
export function errorsOf(entry: CatalogueEntry): ErrorCode[] {
  const codes = new Set<ErrorCode>(entry.errors);
  if (entry.dependsOn.length > 0) codes.add('CIRCUIT_OPEN').add('TIMEOUT');
  if (entry.risk === 'critical') codes.add('CONFIRMATION_REQUIRED');
  if (entry.risk === 'critical' || entry.bulk) codes.add('IDEMPOTENCY_KEY_REQUIRED');
  if (entry.previews) codes.add('PREVIEW_INVALID');
  if (isAbortable(entry)) codes.add('OPERATION_ABORTED');
  return [...codes].sort();
}

/** All codes that the write endpoint may answer with, sorted. */
export function allErrors(entries: readonly CatalogueEntry[]): ErrorCode[] {
  return [...new Set<ErrorCode>([...COMMON_ERRORS, ...entries.flatMap(errorsOf)])].sort();
}

/** A request that the action accepts. */
export function exampleRequest(entry: CatalogueEntry): object {
  const critical = { options: { confirm: entry.name, reason: 'Why this is done' } };
  return { action: entry.name, payload: entry.example, ...(entry.risk === 'critical' ? critical : {}) };
}

/** Requests per minute in words. */
export function limitOf(entry: CatalogueEntry): string {
  const isSystem = entry.name.startsWith('system.') && entry.name !== 'system.health_check';
  if (isSystem || entry.risk === 'critical') return '5/min';
  return { read: '500/min', standard: '50/min', high: '10/min' }[entry.risk];
}
