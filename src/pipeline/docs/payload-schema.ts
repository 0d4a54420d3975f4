import type { Type } from '@nestjs/common';
import { getMetadataStorage } from 'class-validator';
import { type RecordRule, RECORD_OF } from '../../platform/settings/records';
import { PATCH_OF } from '../catalogue/patch-of';
import type { ValidationMetadata } from 'class-validator/types/metadata/ValidationMetadata';
import { HAS_ANY_BESIDES, INSTEAD_OF, nestedType } from '../catalogue/fields';

/** A JSON schema, as far as payloads need it. */
export interface PayloadSchema {
  type?: string;
  format?: string;
  description?: string;
  default?: unknown;
  example?: unknown;
  enum?: unknown[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  items?: PayloadSchema;
  properties?: Record<string, PayloadSchema>;
  required?: string[];
  oneOf?: PayloadSchema[];
  anyOf?: PayloadSchema[];
  additionalProperties?: boolean | PayloadSchema;
  nullable?: boolean;
}

/** What each rule of class-validator says in JSON schema; `c` are its arguments. */
const RULES: Record<string, (c: unknown[]) => PayloadSchema> = {
  isDefined: () => ({}),
  isString: () => ({ type: 'string' }),
  isInt: () => ({ type: 'integer' }),
  isNumber: () => ({ type: 'number' }),
  isBoolean: () => ({ type: 'boolean' }),
  isObject: () => ({ type: 'object' }),
  isArray: () => ({ type: 'array' }),
  [INSTEAD_OF]: () => ({}),
  [HAS_ANY_BESIDES]: () => ({}),
  isUuid: () => ({ type: 'string', format: 'uuid' }),
  isEmail: () => ({ type: 'string', format: 'email' }),
  isTimestamp: () => ({ type: 'string', format: 'date-time' }),
  isDay: () => ({ type: 'string', pattern: '^\\d{4}-\\d{2}-\\d{2}$' }),
  isTimeZone: () => ({ type: 'string', pattern: '^[A-Za-z][A-Za-z0-9_+/-]{1,63}$' }),
  isNetwork: () => ({ type: 'string' }),
  isIn: ([values]) => ({ enum: [...(values as unknown[])] }),
  min: ([minimum]) => ({ minimum: minimum as number }),
  max: ([maximum]) => ({ maximum: maximum as number }),
  minLength: ([length]) => ({ minLength: length as number }),
  maxLength: ([length]) => ({ maxLength: length as number }),
  isLength: ([min, max]) => ({ minLength: min as number, maxLength: max as number }),
  matches: ([pattern]) => ({ type: 'string', pattern: (pattern as RegExp).source }),
  arrayMinSize: ([size]) => ({ minItems: size as number }),
  arrayMaxSize: ([size]) => ({ maxItems: size as number }),
  arrayUnique: () => ({ uniqueItems: true }),
};

/**
 * The JSON schema of a class, from the same rules that it is validated by, so that the two cannot differ.
 * Doc comments are found by the Swagger plugin; `described` is what that made of the class.
 *
 * @throws Error naming a rule that has no counterpart here yet
 */
export function payloadSchema(
  target: Type,
  described: (type: Type) => PayloadSchema | undefined,
): PayloadSchema {
  const rules = getMetadataStorage().getTargetValidationMetadatas(target, '', false, false);
  const defaults = new target() as Record<string, unknown>;
  const comments = described(target)?.properties ?? {};
  const properties: Record<string, PayloadSchema> = {};
  const required: string[] = [];
  for (const name of new Set(rules.map((rule) => rule.propertyName))) {
    const own = rules.filter((rule) => rule.propertyName === name);
    const { description, example } = comments[name] ?? {};
    const fallback = isPlain(defaults[name]) ? defaults[name] : undefined;
    properties[name] = {
      ...(description === undefined ? {} : { description }),
      ...fieldSchema(target, name, own, described),
      ...(fallback === undefined ? {} : { default: fallback }),
      ...(example === undefined ? {} : { example }),
    };
    if (!own.some((rule) => rule.type === 'conditionalValidation')) required.push(name);
  }
  const instead = rules.find((rule) => rule.name === INSTEAD_OF);
  const [other] = (instead?.constraints ?? []) as string[];
  return {
    type: 'object',
    additionalProperties: false,
    properties,
    ...(required.length > 0 ? { required } : {}),
    ...(instead && other ? { oneOf: [{ required: [other] }, { required: [instead.propertyName] }] } : {}),
  };
}

function fieldSchema(
  target: Type,
  name: string,
  rules: readonly ValidationMetadata[],
  described: (type: Type) => PayloadSchema | undefined,
): PayloadSchema {
  const schema: PayloadSchema = {};
  const items: PayloadSchema = {};
  for (const rule of rules) {
    if (rule.type === 'conditionalValidation') continue;
    if (rule.type === 'nestedValidation') {
      Object.assign(rule.each ? items : schema, payloadSchema(requiredType(target, name), described));
      continue;
    }
    const made = classSchema(rule, described);
    if (made) {
      Object.assign(schema, made);
      continue;
    }
    const toSchema = RULES[rule.name ?? ''];
    if (!toSchema)
      throw new Error(
        `${target.name}.${name} has the rule ${rule.name}: say in payload-schema.ts what that is in JSON schema.`,
      );
    Object.assign(rule.each ? items : schema, toSchema((rule.constraints as unknown[] | undefined) ?? []));
  }
  if (schema.enum && !schema.type) schema.type = typeof schema.enum[0];
  if (items.enum && !items.type) items.type = typeof items.enum[0];
  const besides = rules.find((rule) => rule.name === HAS_ANY_BESIDES);
  if (besides) schema.anyOf = oneNeeded(schema, (besides.constraints as [string])[0]);
  return Object.keys(items).length > 0 ? { ...schema, type: 'array', items } : schema;
}

/** At least one of the fields must be there, not counting this one. */
function oneNeeded(schema: PayloadSchema, besides: string): PayloadSchema[] {
  return Object.keys(schema.properties ?? {})
    .filter((name) => name !== besides)
    .map((name) => ({ required: [name] }));
}

/** What rules that name a class say; undefined for all others. */
function classSchema(
  { name, constraints }: ValidationMetadata,
  described: (type: Type) => PayloadSchema | undefined,
): PayloadSchema | undefined {
  const [constraint] = (constraints as unknown[] | undefined) ?? [];
  if (name === PATCH_OF) return patchSchema(payloadSchema(constraint as Type, described));
  if (name !== RECORD_OF) return undefined;
  const { values, maxEntries } = constraint as RecordRule;
  const list = { type: 'array', minItems: 1, maxItems: maxEntries, items: { type: 'string' } };
  return {
    type: 'object',
    additionalProperties: 'of' in values ? payloadSchema(values.of, described) : list,
  };
}

/**
 * The same with nothing required, null for what is to be reset, and defaults in the descriptions only: what is absent
 * stays as it is.
 */
function patchSchema(schema: PayloadSchema): PayloadSchema {
  const patch = { ...schema, ...(schema.default === undefined ? {} : { description: withDefault(schema) }) };
  delete patch.default;
  delete patch.required;
  if (typeof schema.additionalProperties === 'object')
    patch.additionalProperties = nullable(schema.additionalProperties);
  if (schema.properties)
    patch.properties = Object.fromEntries(
      Object.entries(schema.properties).map(([name, field]) => [name, nullable(field)]),
    );
  return patch;
}

function nullable(schema: PayloadSchema): PayloadSchema {
  const patch = patchSchema(schema);
  return { ...patch, nullable: true, ...(patch.enum ? { enum: [...patch.enum, null] } : {}) };
}

function withDefault({ description, default: fallback }: PayloadSchema): string {
  return [...(description ? [description] : []), `Default: ${JSON.stringify(fallback)}.`].join(' ');
}

function requiredType(target: Type, name: string): Type {
  const found = nestedType(target, name);
  if (!found) throw new Error(`${target.name}.${name} is nested: say of which class with @Type(() => ...).`);
  return found;
}

/** Whether a default is worth showing: not an object that is filled with defaults of its own. */
function isPlain(value: unknown): boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}
