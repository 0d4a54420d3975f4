import { createHmac } from 'node:crypto';
import { jsonInText } from './json-in-text';
import { isCard, type PersonalKind } from './personal-data';
import { scrubText } from './scrub-text';
import { isSecretKey } from './secret-keys';

/** What stands in place of a secret. */
export const MASK = '[masked]';
const MAX_DEPTH = 40;

/** Objects such as {"name": "password", "value": "..."} carry the key as a value. */
const NAME_FIELDS = ['name', 'key', 'field', 'header', 'param', 'parameter', 'property', 'variable'];
const VALUE_FIELDS = ['value', 'values', 'val', 'content', 'data'];

/**
 * Makes a copy that may be stored: secrets masked by the name of their key and by their form, personal data
 * replaced by a keyed pseudonym, the same for the same value, so that an investigator can still follow it.
 * The original is left alone.
 */
export class Scrubber {
  /**
   * @param pseudonymKey undefined: secrets are masked, personal data stays
   * @param spared kinds of personal data that stay, too
   */
  constructor(
    private readonly pseudonymKey?: Buffer,
    private readonly spared: readonly PersonalKind[] = [],
  ) {}

  /** The storable copy of any value that JSON can hold. */
  scrub(value: unknown): unknown {
    return this.copy(value, []);
  }

  private copy(value: unknown, around: readonly object[]): unknown {
    if (typeof value === 'string') return this.text(value, around);
    if (typeof value === 'bigint') return this.text(value.toString(), around);
    if (typeof value === 'number') return this.number(value);
    if (typeof value !== 'object' || value === null) return typeof value === 'boolean' ? value : null;
    // Bytes may be anything. What holds itself, or is nested deeper than anybody reads, ends here.
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return MASK;
    if (around.length > MAX_DEPTH || around.includes(value)) return MASK;
    return this.object(value, [...around, value]);
  }

  private object(value: object, around: readonly object[]): unknown {
    if (value instanceof Date) return value.toJSON();
    // Neither is enumerable, and a message tells whoever reads the audit what went wrong.
    if (value instanceof Error) return { name: value.name, message: this.text(value.message, around) };
    if (value instanceof Map) return this.entries([...value], around);
    if (value instanceof Set) return this.list([...value], around);
    if (Array.isArray(value)) return this.list(value, around);
    return this.entries(safeEntries(value), around);
  }

  /** A list; of a pair such as ["authorization", "..."] the second is the value of the first. */
  private list(values: readonly unknown[], around: readonly object[]): unknown[] {
    const [name] = values;
    const secret = values.length === 2 && typeof name === 'string' && isSecretKey(name);
    return secret ? [name, MASK] : values.map((item) => this.copy(item, around));
  }

  private entries(entries: readonly (readonly [unknown, unknown])[], around: readonly object[]): object {
    const namesSecret = entries.some(
      ([key, name]) => isOneOf(NAME_FIELDS, key) && typeof name === 'string' && isSecretKey(name),
    );
    // Made from entries, so that a key like __proto__ is one like any other.
    return Object.fromEntries(
      entries.map(([given, inner]) => {
        const key = String(given);
        const secret = isSecretKey(key) || (namesSecret && isOneOf(VALUE_FIELDS, key));
        // A key may be what somebody meant to hide, too.
        return [this.text(key, around), secret && inner !== null ? MASK : this.copy(inner, around)];
      }),
    );
  }

  private number(value: number): unknown {
    const text = String(value);
    return this.pseudonymKey && text.length >= 14 && isCard(text) ? this.pseudonym('card', text) : value;
  }

  private text(text: string, around: readonly object[]): string {
    const inner = jsonInText(text);
    if (inner !== undefined) {
      // A level deeper than the text, or JSON in JSON in JSON would never end.
      const scrubbed = JSON.stringify(this.copy(inner, [...around, { text }]));
      return scrubbed === JSON.stringify(inner) ? text : scrubbed;
    }
    return scrubText(text, MASK, (kind, found) => this.pseudonym(kind, found));
  }

  private pseudonym(kind: PersonalKind, found: string): string {
    if (!this.pseudonymKey || this.spared.includes(kind)) return found;
    const digest = createHmac('sha256', this.pseudonymKey)
      .update(`${kind}:${found.toLowerCase()}`)
      .digest('hex');
    return `[${kind}:${digest.slice(0, 12)}]`;
  }
}

/** A copy without secrets, for those who may see all the rest. */
export function maskSecrets(value: unknown): unknown {
  return new Scrubber().scrub(value);
}

/** Whether a key is one of these names, however it is written. */
function isOneOf(names: readonly string[], key: unknown): boolean {
  return names.includes(String(key).toLowerCase());
}

/** The entries of an object, also if reading one of them throws. */
function safeEntries(value: object): [string, unknown][] {
  return Object.keys(value).map((key) => {
    try {
      return [key, (value as Record<string, unknown>)[key]];
    } catch {
      // What cannot be read cannot be kept.
      return [key, MASK];
    }
  });
}
