import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * A token that says `payload` until `expiresAt` and cannot be changed: base64url JSON, a dot, and its
 * HMAC-SHA-256. Readable by its bearer; for links and preview tokens, not for secrets.
 */
export function signToken(secret: Buffer, payload: object, expiresAt: Date): string {
  const body = Buffer.from(
    JSON.stringify({ ...payload, exp: Math.floor(expiresAt.getTime() / 1000) }),
  ).toString('base64url');
  return `${body}.${mac(secret, body).toString('base64url')}`;
}

/** What a token says; undefined if it is malformed, forged or expired. */
export function verifyToken<T extends object>(
  secret: Buffer,
  token: string,
  now = new Date(),
): T | undefined {
  const [body, signature, ...rest] = token.split('.');
  if (!body || !signature || rest.length > 0) return undefined;
  const given = Buffer.from(signature, 'base64url');
  const expected = mac(secret, body);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  const payload = JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as T & { exp: number };
  return payload.exp * 1000 > now.getTime() ? payload : undefined;
}

function mac(secret: Buffer, body: string): Buffer {
  return createHmac('sha256', secret).update(body).digest();
}
