import type { Type } from '@nestjs/common';
import { MASK } from '../../platform/security/scrub';
import { fieldNames, nestedType, recordedFields } from '../catalogue/fields';

/** Under this key stands how many fields were left out because the action does not have them. */
export const DROPPED = '[dropped]';
const NONE: ReadonlySet<string> = new Set();

/**
 * The part of a payload that may stand in the audit, not scrubbed yet. Deny by default: a field that is not marked
 * as recorded is masked, one that `type` does not have is dropped and counted, and so on within nested classes.
 * Without a type nothing is known to be harmless.
 */
export function recordable(payload: unknown, type: Type | undefined): unknown {
  if (payload === null || payload === undefined) return null;
  if (typeof payload !== 'object' || Array.isArray(payload)) return MASK;
  const known = type ? fieldNames(type) : NONE;
  const recorded = type ? recordedFields(type) : NONE;
  const copy: Record<string, unknown> = {};
  let dropped = 0;
  for (const [name, value] of Object.entries(payload)) {
    if (!type || !known.has(name)) dropped += 1;
    else if (recorded.has(name)) copy[name] = nested(value, nestedType(type, name));
    else copy[name] = value === null ? null : MASK;
  }
  return dropped > 0 ? { ...copy, [DROPPED]: dropped } : copy;
}

function nested(value: unknown, type: Type | undefined): unknown {
  if (!type) return value;
  return Array.isArray(value) ? value.map((item) => recordable(item, type)) : recordable(value, type);
}
