import type { OpenAPIObject } from '@nestjs/swagger';

interface Schema {
  $ref?: string;
  type?: string;
  nullable?: boolean;
  enum?: unknown[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  allOf?: Schema[];
  oneOf?: Schema[];
  anyOf?: Schema[];
}

interface Operation {
  parameters?: { name: string; in: string; required?: boolean; schema?: Schema }[];
  requestBody?: { content?: Record<string, { schema?: Schema }> };
  responses?: Record<string, { content?: Record<string, { schema?: Schema }> }>;
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
/** What a client must do: the one kind of sentence that must not be added to. */
const NEEDS = 'needs ';
const OBJECT = 'object ';

/**
 * What clients can rely on, a sentence each, sorted: operations, what they accept and need, and what their successful
 * answers always have, of which type, and where never null. Texts, examples and limits are no part of it.
 */
export function contractOf(document: OpenAPIObject): string[] {
  const facts = new Set<string>();
  for (const [path, item] of Object.entries(document.paths))
    for (const method of METHODS) {
      const operation = (item as Record<string, Operation | undefined>)[method];
      if (operation) new Facts(document, facts).operation(`${method.toUpperCase()} ${path}`, operation);
    }
  return [...facts].sort();
}

/** What of a contract does not hold any more: what was promised, and is not; what was not needed, and is. */
export function brokenPromises(before: readonly string[], now: readonly string[]): string[] {
  const [old, current] = [new Set(before), new Set(now)];
  const gone = before.filter((fact) => !fact.startsWith(NEEDS) && !current.has(fact));
  // Of something that is new as a whole, anything may be needed.
  const added = now.filter(
    (fact) => fact.startsWith(NEEDS) && !old.has(fact) && old.has(OBJECT + parentOf(fact)),
  );
  return [...gone.map((fact) => `no more: ${fact}`), ...added.map((fact) => `now ${fact}`)];
}

function parentOf(need: string): string {
  return need.slice(NEEDS.length, need.lastIndexOf('.'));
}

/** Collects the facts of one operation. */
class Facts {
  constructor(
    private readonly document: OpenAPIObject,
    private readonly facts: Set<string>,
  ) {}

  operation(name: string, { parameters = [], requestBody, responses = {} }: Operation): void {
    this.facts.add(`${OBJECT}${name} parameters`);
    for (const { name: parameter, required, schema = {} } of parameters) {
      const at = `${name} parameters.${parameter}`;
      if (required) this.facts.add(NEEDS + at);
      this.request(at, schema, []);
    }
    for (const [type, { schema = {} }] of Object.entries(requestBody?.content ?? {}))
      this.request(`${name} ${type}`, schema, []);
    for (const [status, { content = {} }] of Object.entries(responses))
      if (status.startsWith('2'))
        for (const [type, { schema = {} }] of Object.entries(content))
          this.response(`${name} ${status} ${type}`, schema, []);
  }

  private request(at: string, schema: Schema, within: readonly string[]): void {
    this.visit(at, schema, within, (found, path, inner) => {
      this.facts.add(`accepts ${path}: ${typeOf(found)}`);
      if (found.nullable) this.facts.add(`accepts ${path}: null`);
      for (const value of found.enum ?? []) this.facts.add(`accepts ${path} = ${JSON.stringify(value)}`);
      for (const field of found.required ?? []) this.facts.add(`${NEEDS}${path}.${field}`);
      for (const [field, one] of Object.entries(found.properties ?? {}))
        this.request(`${path}.${field}`, one, inner);
      if (found.items) this.request(`${path}[]`, found.items, inner);
    });
  }

  private response(at: string, schema: Schema, within: readonly string[]): void {
    this.visit(at, schema, within, (found, path, inner) => {
      this.facts.add(`answers ${path}: ${typeOf(found)}`);
      if (!found.nullable) this.facts.add(`never null ${path}`);
      for (const field of found.required ?? []) this.facts.add(`always ${path}.${field}`);
      for (const [field, one] of Object.entries(found.properties ?? {}))
        this.response(`${path}.${field}`, one, inner);
      if (found.items) this.response(`${path}[]`, found.items, inner);
    });
  }

  /** Follows references and alternatives to what they stand for; what contains itself is looked at once. */
  private visit(
    at: string,
    schema: Schema,
    within: readonly string[],
    see: (schema: Schema, at: string, within: readonly string[]) => void,
  ): void {
    if (schema.$ref !== undefined) {
      if (within.includes(schema.$ref)) return;
      return this.visit(at, this.find(schema.$ref), [...within, schema.$ref], see);
    }
    const parts = schema.allOf ?? [];
    for (const part of parts) this.visit(at, part, within, see);
    for (const one of [...(schema.oneOf ?? []), ...(schema.anyOf ?? [])])
      this.visit(`${at}<${nameOf(one)}>`, one, within, see);
    if (parts.length > 0 && schema.properties === undefined) return;
    if (schema.properties) this.facts.add(OBJECT + at);
    see(schema, at, within);
  }

  private find(ref: string): Schema {
    const name = ref.slice('#/components/schemas/'.length);
    const found = this.document.components?.schemas?.[name];
    if (!found) throw new Error(`The description refers to ${ref}, which it does not have`);
    return found;
  }
}

function nameOf({ $ref, type }: Schema): string {
  return $ref?.split('/').at(-1) ?? type ?? 'any';
}

function typeOf({ type, oneOf, anyOf }: Schema): string {
  return type ?? (oneOf || anyOf ? 'one of' : 'any');
}
