import { parseStrictJson } from '../../platform/http/strict-json';

/**
 * Whether a token has the one form that ours have: three parts in base64url without padding or spare bits, of which
 * the first two are JSON objects that every parser reads alike. Libraries are laxer, and differ in what they make of
 * a claim that is there twice.
 */
export function isWellFormed(token: string): boolean {
  const parts = token.split('.');
  if (parts.length !== 3 || !parts.every(isCanonical)) return false;
  return parts.slice(0, 2).every((part) => isObject(Buffer.from(part, 'base64url').toString('utf8')));
}

function isCanonical(part: string): boolean {
  return part !== '' && Buffer.from(part, 'base64url').toString('base64url') === part;
}

function isObject(json: string): boolean {
  try {
    const value = parseStrictJson(json);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false; // whatever is wrong with it, it is not ours
  }
}
