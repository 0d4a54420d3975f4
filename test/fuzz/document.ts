/** A schema of OpenAPI 3.0, as far as the fuzzer reads it. */
export interface Schema {
  $ref?: string;
  type?: string;
  format?: string;
  nullable?: boolean;
  enum?: unknown[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  allOf?: Schema[];
  oneOf?: Schema[];
  anyOf?: Schema[];
  discriminator?: { propertyName: string };
  'x-admin'?: AdminFacts;
}

/** What the document says of an action. */
export interface AdminFacts {
  action: string;
  risk: string;
  mode: string;
  roles: string[];
  /** Anybody may run it on what they have started themselves. */
  anyone_on_own: boolean;
  confirm: boolean;
  preview: boolean;
  errors: string[];
}

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  schema?: Schema;
}

/** A response that the document declares. */
export interface DeclaredResponse {
  headers?: Record<string, { $ref?: string; required?: boolean }>;
  content?: Record<string, { schema?: Schema }>;
  'x-error-codes'?: string[];
}

interface RawOperation {
  security?: unknown[];
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content: Record<string, { schema: Schema }> };
  responses: Record<string, DeclaredResponse>;
}

export interface ApiDocument {
  paths: Record<string, Record<string, RawOperation>>;
  components: { schemas: Record<string, Schema>; headers: Record<string, { required?: boolean }> };
}

/** Something that can be asked of the API: an operation of the document, or one action of the write endpoint. */
export interface Operation {
  /** `POST /api/jobs/create`, with the action's name after it where it is one. */
  readonly name: string;
  readonly method: string;
  /** With names in braces. */
  readonly path: string;
  readonly needsToken: boolean;
  readonly parameters: readonly Parameter[];
  readonly body?: { readonly type: string; readonly schema: Schema; readonly required: boolean };
  readonly responses: Readonly<Record<string, DeclaredResponse>>;
  readonly action?: AdminFacts;
}

/** The operations of a document, sorted by name. */
export function operationsOf(document: ApiDocument): Operation[] {
  const found = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).flatMap(([method, raw]) => variantsOf(document, path, method.toUpperCase(), raw)),
  );
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The schema without references and `allOf` at its top. */
export function resolved(document: ApiDocument, schema: Schema): Schema {
  if (schema.$ref !== undefined) {
    const target = document.components.schemas[schema.$ref.split('/').at(-1) ?? ''];
    if (!target) throw new Error(`The document refers to ${schema.$ref}, which it does not have`);
    return resolved(document, target);
  }
  if (!schema.allOf) return schema;
  const { allOf, ...own } = schema;
  return Object.assign({}, ...allOf.map((part) => resolved(document, part)), own) as Schema;
}

function variantsOf(document: ApiDocument, path: string, method: string, raw: RawOperation): Operation[] {
  const base = {
    name: `${method} ${path}`,
    method,
    path,
    needsToken: (raw.security ?? []).length > 0,
    parameters: raw.parameters ?? [],
    responses: raw.responses,
  };
  const [content] = Object.entries(raw.requestBody?.content ?? {});
  if (!content) return [base];
  const [type, media] = content;
  const schema = resolved(document, media.schema);
  const required = raw.requestBody?.required ?? false;
  if (!schema.oneOf) return [{ ...base, body: { type, schema, required } }];
  return schema.oneOf.map((variant) => {
    const one = resolved(document, variant);
    const action = one['x-admin'];
    return {
      ...base,
      name: `${base.name} ${action?.action ?? ''}`,
      action,
      body: { type, schema: one, required },
    };
  });
}
