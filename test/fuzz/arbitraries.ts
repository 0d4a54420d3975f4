import * as fc from 'fast-check';
import { type ApiDocument, resolved, type Schema } from './document';

/** Ids that exist, by the name of the field or parameter that takes them (`job_id`, ...). */
export type KnownIds = ReadonlyMap<string, readonly string[]>;

const MAX_TEXT = 40;
const MAX_ITEMS = 3;
/** Whole numbers beyond these are refused: not every parser reads them exactly. */
const LARGEST = Number.MAX_SAFE_INTEGER;

/** Makes values that a schema allows. */
export class Arbitraries {
  constructor(
    private readonly document: ApiDocument,
    private readonly ids: KnownIds,
  ) {}

  /** Values of the schema; `name` is that of the field, by which ids are found that exist. */
  of(given: Schema, name = ''): fc.Arbitrary<unknown> {
    const schema = resolved(this.document, given);
    const arbitrary = this.plain(schema, name);
    return schema.nullable ? fc.option(arbitrary, { nil: null }) : arbitrary;
  }

  private plain(schema: Schema, name: string): fc.Arbitrary<unknown> {
    if (schema.enum) return fc.constantFrom(...schema.enum);
    const choices = schema.oneOf ?? schema.anyOf;
    if (choices && schema.type === 'object')
      return fc.oneof(...choices.map((choice) => this.object(chosen(schema, choice))));
    if (choices) return fc.oneof(...choices.map((choice) => this.of(choice, name)));
    switch (schema.type) {
      case 'string':
        return this.text(schema, name);
      case 'integer':
        return fc.integer({
          min: Math.max(schema.minimum ?? -LARGEST, -LARGEST),
          max: Math.min(schema.maximum ?? LARGEST, LARGEST),
        });
      case 'number':
        return fc
          .double({ min: schema.minimum ?? -1e6, max: schema.maximum ?? 1e6, noNaN: true })
          .map((value) => Number(value.toFixed(3)) + 0);
      case 'boolean':
        return fc.boolean();
      case 'array':
        return this.list(schema, name);
      case 'object':
        return this.object(schema);
      case undefined:
        return fc.oneof(fc.boolean(), fc.integer(), cleanText(0, MAX_TEXT));
      default:
        throw new Error(`The fuzzer does not know the type ${schema.type}: teach it in arbitraries.ts`);
    }
  }

  private text(schema: Schema, name: string): fc.Arbitrary<string> {
    const min = schema.minLength ?? 0;
    const max = Math.min(schema.maxLength ?? MAX_TEXT, min + MAX_TEXT);
    switch (schema.format) {
      case 'uuid':
        return this.id(name);
      case 'email':
        return fc
          .tuple(fc.stringMatching(/^[a-z0-9]{1,12}$/), fc.nat(9_999))
          .map(([a, b]) => `${a}.${b}@example.test`);
      case 'date-time':
        return fc
          .date({ min: new Date('1990-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
          .map((date) => date.toISOString());
      case 'binary':
      case undefined:
        if (this.ids.has(name)) return this.id(name);
        break;
      default:
        throw new Error(`The fuzzer does not know the format ${schema.format}: teach it in arbitraries.ts`);
    }
    if (schema.pattern === undefined) return cleanText(min, max);
    return matching(schema.pattern).filter(
      (text) => text.length >= min && text.length <= (schema.maxLength ?? Infinity),
    );
  }

  private id(name: string): fc.Arbitrary<string> {
    const known = this.ids.get(name) ?? [];
    return known.length === 0
      ? fc.uuid()
      : fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...known) }, { weight: 1, arbitrary: fc.uuid() });
  }

  private list(schema: Schema, name: string): fc.Arbitrary<unknown[]> {
    const items = this.of(schema.items ?? {}, name);
    const minLength = schema.minItems ?? 0;
    const maxLength = Math.min(schema.maxItems ?? MAX_ITEMS, minLength + MAX_ITEMS);
    return schema.uniqueItems
      ? fc.uniqueArray(items, { minLength, maxLength, selector: (item) => JSON.stringify(item) })
      : fc.array(items, { minLength, maxLength });
  }

  private object(schema: Schema): fc.Arbitrary<object> {
    const required = new Set(schema.required ?? []);
    const fields = Object.entries(schema.properties ?? {}).map(([name, field]) => {
      const arbitrary = this.of(field, name);
      const optional = fc.option(arbitrary, { nil: undefined, freq: 1 });
      return [name, required.has(name) ? arbitrary : optional] as const;
    });
    return fc
      .record(Object.fromEntries(fields))
      .map((object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)));
  }
}

/** What makes text for a pattern: building it takes fast-check longer than a hundred texts do. */
const patterns = new Map<string, fc.Arbitrary<string>>();

function matching(pattern: string): fc.Arbitrary<string> {
  const arbitrary = patterns.get(pattern) ?? fc.stringMatching(new RegExp(pattern));
  patterns.set(pattern, arbitrary);
  return arbitrary;
}

/** Text that may stand anywhere: no NUL and no half of a surrogate pair, but letters of many scripts. */
function cleanText(minLength: number, maxLength: number): fc.Arbitrary<string> {
  // Variation selectors do not count as characters for class-validator, and do for JSON schema.
  return fc
    .string({ unit: 'binary', minLength, maxLength })
    .filter((text) => !/\0|\uFE0E|\uFE0F/.test(text) && text.trim().length >= minLength);
}

/** An object's schema for one of its choices between fields: `oneOf` leaves out what the others ask for. */
function chosen(schema: Schema, choice: Schema): Schema {
  const wanted = [...(schema.required ?? []), ...(choice.required ?? [])];
  const others = (schema.oneOf ?? []).flatMap((other) => other.required ?? []);
  const fields = Object.entries(schema.properties ?? {});
  return {
    ...schema,
    required: wanted,
    properties: Object.fromEntries(
      fields.filter(([name]) => wanted.includes(name) || !others.includes(name)),
    ),
  };
}
