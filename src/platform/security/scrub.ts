import { createHmac } from 'node:crypto';
import { type PersonalKind, scrubText } from './scrub-text';

/** What stands in place of a secret. */
export const MASK = '[masked]';
const MAX_DEPTH = 40;

/** A part of a key's name that makes its value a secret, whatever stands around it. */
const SECRET_WORDS = new Set([
  'auth',
  'authorization',
  'bearer',
  'cookie',
  'cookies',
  'credential',
  'credentials',
  'cvc',
  'cvv',
  'jwt',
  'otp',
  'pass',
  'passphrase',
  'passwd',
  'password',
  'passwords',
  'pin',
  'pwd',
  'secret',
  'secrets',
  'signature',
  'token',
  'tokens',
]);
/** The same, for names whose words are split at unexpected places: `PASS_WORD`, `apiKey`, `api-key`. */
const SECRET_COMPOUNDS = [
  'password',
  'passwd',
  'apikey',
  'privatekey',
  'secretkey',
  'accesskey',
  'signingkey',
];
/** Objects such as {"name": "password", "value": "..."} carry the key as a value. */
const NAME_FIELDS = ['name', 'key', 'field', 'header'];
const VALUE_FIELDS = ['value', 'content', 'data'];

/**
 * Makes a copy that may be stored: secrets masked by the name of their key and by their form, personal data
 * replaced by a keyed pseudonym, the same for the same value, so that an investigator can still follow it.
 * The original is left alone.
 */
export class Scrubber {
  constructor(private readonly pseudonymKey: Buffer) {}

  /** The storable copy of any value that JSON can hold. */
  scrub(value: unknown): unknown {
    return this.copy(value, 0);
  }

  private copy(value: unknown, depth: number): unknown {
    if (depth > MAX_DEPTH) return MASK;
    if (typeof value === 'string') return this.text(value, depth);
    if (typeof value === 'bigint') return value.toString();
    if (value instanceof Date) return value.toJSON();
    if (Array.isArray(value)) return value.map((item) => this.copy(item, depth + 1));
    if (typeof value === 'object' && value !== null) return this.object(value, depth);
    return typeof value === 'number' || typeof value === 'boolean' || value === null ? value : null;
  }

  private object(value: object, depth: number): Record<string, unknown> {
    const record = value as Record<string, unknown>;
    const namesSecret = NAME_FIELDS.some((field) => {
      const name = record[field];
      return typeof name === 'string' && isSecretKey(name);
    });
    const copy: Record<string, unknown> = {};
    for (const [key, inner] of Object.entries(record)) {
      const secret = isSecretKey(key) || (namesSecret && VALUE_FIELDS.includes(key));
      copy[key] = secret && inner !== null ? MASK : this.copy(inner, depth + 1);
    }
    return copy;
  }

  private text(text: string, depth: number): string {
    if (/^\s*[[{]/.test(text)) {
      const inner = parsed(text);
      if (inner !== undefined) return JSON.stringify(this.copy(inner, depth + 1));
    }
    return scrubText(text, MASK, (kind, found) => this.pseudonym(kind, found));
  }

  private pseudonym(kind: PersonalKind, found: string): string {
    const digest = createHmac('sha256', this.pseudonymKey)
      .update(`${kind}:${found.toLowerCase()}`)
      .digest('hex');
    return `[${kind}:${digest.slice(0, 12)}]`;
  }
}

/** Whether a key's name says that its value is a secret. `author` is not `auth`. */
export function isSecretKey(key: string): boolean {
  const plain = key.normalize('NFKC').replace(/[\u200b-\u200f\u2060\ufeff]/g, '');
  const words = plain
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean);
  if (words.some((word) => SECRET_WORDS.has(word))) return true;
  const joined = words.join('');
  return SECRET_COMPOUNDS.some((compound) => joined.includes(compound));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Not JSON after all: it is scrubbed as text.
    return undefined;
  }
}
