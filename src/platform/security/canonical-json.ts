import { hash } from 'node:crypto';
import canonicalize from 'canonicalize';

/** The one form that equal JSON values share (RFC 8785). */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError('This value has no JSON form');
  return text;
}

/** SHA-256 of the canonical form. */
export function fingerprint(value: unknown): Buffer {
  return hash('sha256', canonicalJson(value), 'buffer');
}
