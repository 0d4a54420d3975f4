import { isDeepStrictEqual } from 'node:util';
import { AppError } from '../errors/app-error';
import { MASK, maskSecrets } from '../security/scrub';
import { isSecretKey } from '../security/secret-keys';

/** A part of something, at any depth; null puts the default back, or takes an entry out of a record. */
export type Patch<T> = { [K in keyof T]?: (T[K] extends object | null ? Patch<T[K]> : T[K]) | null };

/** One setting that a version changed; `null` where there was, or is, none. Secrets are masked. */
export interface SettingChange {
  /** As in `rate_limits.actions["job.cancel"].limit`. */
  readonly path: string;
  readonly old: unknown;
  readonly new: unknown;
}

/** Names through which an object's prototype could be reached. */
const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

type Plain = Record<string, unknown>;

/** Whether something is an object with keys, and not a list. */
export function isPlain(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * `base` with `patch` applied (JSON Merge Patch, RFC 7396): objects are merged key by key, null removes a key,
 * anything else replaces what was there. Both are left alone.
 *
 * @throws AppError VALIDATION_ERROR for a key that leads to a prototype
 */
export function applyPatch(base: Plain, patch: Plain, path = 'settings'): Plain {
  const result: Plain = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    const at = `${path}.${key}`;
    if (FORBIDDEN_KEYS.has(key))
      throw new AppError('VALIDATION_ERROR', 'The settings are not valid.', {
        details: [{ path: at, message: 'is a key that is not allowed' }],
      });
    if (value === undefined) continue;
    const old = Object.hasOwn(result, key) ? result[key] : undefined;
    if (value === null) delete result[key];
    else if (isPlain(value)) result[key] = applyPatch(isPlain(old) ? old : {}, value, at);
    else result[key] = value;
  }
  return result;
}

/** What differs between two states, setting by setting; lists are compared as a whole. */
export function changesBetween(before: object, after: object, path = ''): SettingChange[] {
  const [old, current] = [before as Plain, after as Plain];
  return [...new Set([...Object.keys(old), ...Object.keys(current)])].flatMap((key) => {
    const [was, is] = [old[key] ?? null, current[key] ?? null];
    if (isDeepStrictEqual(plainCopy(was), plainCopy(is))) return [];
    const at = keyPath(path, key);
    if (isPlain(was) || isPlain(is)) {
      const sides: [unknown, unknown] = [was ?? {}, is ?? {}];
      if (sides.every(isPlain)) return changesBetween(sides[0] as object, sides[1] as object, at);
    }
    return [{ path: at, old: shown(key, was), new: shown(key, is) }];
  });
}

function keyPath(path: string, key: string): string {
  if (!/^\w+$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === '' ? key : `${path}.${key}`;
}

/** Of numbers none is a secret here: `access_token_s` is a time. */
function shown(key: string, value: unknown): unknown {
  return typeof value === 'string' && isSecretKey(key) ? MASK : maskSecrets(value);
}

/** Without the classes that defaults are made of: what is equal as JSON is equal. */
function plainCopy(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}
