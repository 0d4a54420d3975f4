import { AppError } from '../platform/errors/app-error';
import { holdsSecret } from '../platform/security/scrub-text';

const NAMES = ['x-idempotency-key', 'idempotency-key'];
/** Most headers are told apart by this alone, and every request brings some. */
const LENGTHS = new Set(NAMES.map((name) => name.length));
/** Letters, digits and a few signs that mean nothing to any store behind. */
const FORM = /^[A-Za-z0-9._~+/=-]{1,255}$/;

/**
 * The idempotency key among raw headers (names and values in turn); null if there is none. The form with
 * quotes of the IETF draft is the same key as the one without.
 *
 * @throws AppError IDEMPOTENCY_KEY_INVALID for one that is doubled, malformed, looks like a secret, or contradicts the other header
 */
export function idempotencyKey(rawHeaders: readonly string[]): string | null {
  const given = new Map<string, string[]>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const raw = rawHeaders[i] ?? '';
    if (!LENGTHS.has(raw.length)) continue;
    const name = raw.toLowerCase();
    if (NAMES.includes(name)) given.set(name, [...(given.get(name) ?? []), rawHeaders[i + 1] ?? '']);
  }
  const keys = new Set<string>();
  for (const values of given.values()) {
    if (values.length > 1) throw invalid('The idempotency key was given twice.');
    keys.add((values[0] ?? '').trim().replace(/^"(.*)"$/, '$1'));
  }
  const [key, other] = keys;
  if (other !== undefined) throw invalid('X-Idempotency-Key and Idempotency-Key contradict each other.');
  if (key === undefined) return null;
  if (!FORM.test(key))
    throw invalid('The idempotency key is empty, too long, or has characters that are not allowed.');
  // It is stored as it is, and shown.
  if (holdsSecret(key))
    throw invalid(
      'The idempotency key looks like a token or a password. Use one that was made for this request.',
    );
  return key;
}

function invalid(message: string): AppError {
  return new AppError('IDEMPOTENCY_KEY_INVALID', message);
}
