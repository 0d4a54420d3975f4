import { type ApiDocument, resolved, type Schema } from './document';
import { JsonText, withMember } from './json-text';

/** A way to break one rule of a schema. */
export interface Mutation {
  /** Where, and what is broken, as in `payload.limit: above the maximum`. */
  readonly label: string;
  /** A valid value with the rule broken. */
  apply(valid: unknown): unknown;
}

type Keys = readonly string[];

/** Values of every type, to be given where another is wanted. */
const SAMPLES: Record<string, unknown> = {
  null: null,
  boolean: true,
  integer: 17,
  fraction: 17.5,
  string: 'nonsense',
  array: [],
  object: {},
};
/** What may stand where a type is wanted. */
const FITTING: Record<string, readonly string[]> = {
  string: ['string'],
  integer: ['integer'],
  number: ['integer', 'fraction'],
  boolean: ['boolean'],
  array: ['array'],
  object: ['object'],
};

/** What is refused in any JSON, whatever a schema says. */
const NEVER: Record<string, unknown> = {
  'a NUL character': 'a\0b',
  'half of a surrogate pair': 'a\ud800b',
  'an integer beyond 2^53': new JsonText('9007199254740993'),
  'a number that overflows': new JsonText('1e400'),
  'a number that vanishes': new JsonText('1e-999'),
  'minus zero': new JsonText('-0'),
  'a number of 400 digits': new JsonText('9'.repeat(400)),
  'nesting without end': new JsonText(`${'['.repeat(1_000)}${']'.repeat(1_000)}`),
};

/** Every way to break one rule of the schema of a JSON body. */
export function bodyMutations(document: ApiDocument, schema: Schema): Mutation[] {
  return [...typeMutations(resolved(document, schema), []), ...inside(document, schema, [])];
}

function inside(document: ApiDocument, given: Schema, keys: Keys): Mutation[] {
  const schema = resolved(document, given);
  if (schema.type !== 'object' || !schema.properties) return [];
  const required = (schema.required ?? []).map((name) =>
    mutation([...keys, name], 'missing', keys, (object) => without(object, name)),
  );
  const fields = Object.entries(schema.properties).flatMap(([name, field]) => {
    const own = resolved(document, field);
    return [...valueMutations(own, [...keys, name]), ...inside(document, own, [...keys, name])];
  });
  return [...required, ...foreignKeys(schema, keys), ...fields, ...neverAllowed(schema, keys)];
}

/** Keys that no schema allows here. */
function foreignKeys(schema: Schema, keys: Keys): Mutation[] {
  const names = [
    '__proto__',
    'constructor',
    'hasOwnProperty',
    ...(schema.additionalProperties === false ? ['nonsense', ''] : []),
  ];
  const foreign = names.map((name) =>
    mutation(keys, `with a key ${JSON.stringify(name)}`, keys, (object) =>
      withMember(object, name, { is_admin: true }),
    ),
  );
  const [first] = Object.keys(schema.properties ?? {});
  if (first === undefined) return foreign;
  const doubled = mutation(keys, 'with a doubled key', keys, (object) =>
    withMember(object, first, new JsonText(`null,${JSON.stringify(first)}:null`)),
  );
  return [...foreign, doubled];
}

function valueMutations(schema: Schema, keys: Keys): Mutation[] {
  return [
    ...typeMutations(schema, keys),
    ...brokenRules(schema).map(([what, value]) => replacing(keys, what, value)),
  ];
}

/** In one field of each object: where these stand makes no difference. */
function neverAllowed(schema: Schema, keys: Keys): Mutation[] {
  const name = Object.keys(schema.properties ?? {}).at(-1);
  if (name === undefined) return [];
  return Object.entries(NEVER).map(([what, value]) => replacing([...keys, name], what, value));
}

function typeMutations(schema: Schema, keys: Keys): Mutation[] {
  const fitting = FITTING[schema.type ?? ''] ?? Object.keys(SAMPLES);
  return Object.entries(SAMPLES)
    .filter(([type]) => !fitting.includes(type) && !(type === 'null' && schema.nullable))
    .map(([type, value]) => replacing(keys, `of type ${type}`, value));
}

/** Values of the right type that break one rule each. */
export function brokenRules(schema: Schema): [string, unknown][] {
  const {
    type,
    minimum,
    maximum,
    minLength = 0,
    maxLength,
    minItems = 0,
    maxItems,
    format,
    pattern,
  } = schema;
  const broken: [string, unknown][] = [];
  if (schema.enum)
    broken.push(['not one of the values', type === 'string' ? `${String(schema.enum[0])}x` : 'nonsense']);
  if (minimum !== undefined) broken.push(['below the minimum', minimum - 1]);
  if (maximum !== undefined) broken.push(['above the maximum', maximum + 1]);
  if (minLength > 0) broken.push(['too short', 'x'.repeat(minLength - 1)]);
  if (maxLength !== undefined) broken.push(['too long', 'x'.repeat(maxLength + 1)]);
  if (pattern !== undefined) broken.push(['against the pattern', '\u2028<>"']);
  if (minItems > 0) broken.push(['with too few items', []]);
  if (schema.items) broken.push(['with a wrong item', [{ nonsense: 1 }]]);
  if (maxItems !== undefined)
    broken.push(['with too many items', Array.from({ length: maxItems + 1 }, (_, i) => i)]);
  for (const value of WRONG_FORMS[format ?? ''] ?? [])
    broken.push([`no ${format}: ${value.slice(0, 20)}`, value]);
  return broken;
}

/** Near misses of formats. */
const WRONG_FORMS: Record<string, readonly string[]> = {
  uuid: [
    '',
    '1234',
    '01890a5d-ac96-774b-bcce-b302099a805',
    '01890a5d-ac96-774b-bcce-b302099a8057 ',
    '01890a5dac96774bbcceb302099a8057',
    "01890a5d-ac96-774b-bcce-b302099a805'",
  ],
  email: ['', 'nobody', 'a@b', 'a@b@example.test', 'a b@example.test', '@example.test'],
  'date-time': [
    '',
    'yesterday',
    '2026-02-30T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-W05-1',
    '2026-01-01',
    '20260101T000000Z',
    '1e3',
  ],
};

function replacing(keys: Keys, what: string, value: unknown): Mutation {
  return {
    label: `${keys.join('.') || 'the body'}: ${what}`,
    apply: (valid) => replaced(valid, keys, () => value),
  };
}

function mutation(shown: Keys, what: string, keys: Keys, change: (object: object) => object): Mutation {
  return {
    label: `${shown.join('.') || 'the body'}: ${what}`,
    apply: (valid) => replaced(valid, keys, (object) => change(isObject(object) ? object : {})),
  };
}

/** A copy in which what the keys lead to is replaced; what is missing on the way is made. */
function replaced(value: unknown, [key, ...rest]: Keys, change: (old: unknown) => unknown): unknown {
  if (key === undefined) return change(value);
  const object = isObject(value) ? value : {};
  const old = Object.hasOwn(object, key) ? (object as Record<string, unknown>)[key] : undefined;
  return withMember(object, key, replaced(old, rest, change));
}

function without(object: object, name: string): object {
  return Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof JsonText);
}
