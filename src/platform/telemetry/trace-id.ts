import { createHash, randomBytes } from 'node:crypto';
import { holdsSecret } from '../security/scrub-text';

/** What clients may call a trace; anything else could be meant for a log file or a page that shows it. */
const VISIBLE = /^[A-Za-z0-9][A-Za-z0-9-]{7,63}$/;
/** A part of a JSON Web Token: the names that it begins with, in base64. */
const TOKEN_PART = /^eyJ/;
const W3C = /^(?!0{32})[0-9a-f]{32}$/;

const DIGITS = 32;
/** Random digits in stock: asking for as many each time takes many times as long. */
const STOCK = 1_024 * DIGITS;
let stock = '';
let used = STOCK;

/** A new trace id: 32 random hexadecimal digits, as W3C Trace Context has them. */
export function newTraceId(): string {
  if (used === STOCK) {
    stock = randomBytes(STOCK / 2).toString('hex');
    used = 0;
  }
  return stock.slice(used, (used += DIGITS));
}

/**
 * Whether a client's own name for a trace is taken over: 8 to 64 letters, digits and dashes. It is kept, shown and sealed
 * as it is, so what looks like a token or a key is none.
 */
export function isTraceId(value: unknown): value is string {
  if (typeof value !== 'string' || !VISIBLE.test(value)) return false;
  return W3C.test(value) || !(TOKEN_PART.test(value) || holdsSecret(value));
}

/** The visible id as W3C Trace Context would write it: 32 digits are that already, a UUID without its dashes. */
export function asW3cTraceId(visible: string): string | undefined {
  const digits = visible.replaceAll('-', '').toLowerCase();
  return W3C.test(digits) ? digits : undefined;
}

/**
 * The id that the spans of a trace have. What W3C cannot write is hashed, so that every process that knows the
 * visible id comes to the same one.
 */
export function spanTraceId(visible: string): string {
  return asW3cTraceId(visible) ?? createHash('sha256').update(visible).digest('hex').slice(0, 32);
}
