import * as fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import type { Arbitraries } from './arbitraries';
import { type ApiDocument, type Operation, type Parameter, resolved } from './document';
import { jsonOf } from './json-text';
import { bodyMutations, brokenRules, type Mutation } from './mutations';

/** A request before it is sent. */
export interface FuzzRequest {
  readonly operation: Operation;
  /** By name. */
  readonly path: Readonly<Record<string, string>>;
  /** Names and values in turn, raw: what is in them is sent as it is. */
  readonly query: readonly (readonly [name: string, value: string])[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** What is wrong with it; undefined if nothing is. */
  readonly broken?: string;
}

/** Waiting for an operation longer than this, in milliseconds, would be the test's time. */
const MAX_WAIT_MS = 20;

/** Requests that the document allows. */
export function validRequests(
  document: ApiDocument,
  values: Arbitraries,
  operation: Operation,
): fc.Arbitrary<FuzzRequest> {
  const inputs = operation.parameters.filter(({ in: place }) => place !== 'header');
  const parameters = inputs.map((parameter) => {
    const value = values.of(parameter.schema ?? {}, parameter.name).map(String);
    return parameter.required ? value : fc.option(value, { nil: undefined });
  });
  const body = operation.body === undefined ? fc.constant(undefined) : bodyOf(document, values, operation);
  return fc.record({ parameters: fc.tuple(...parameters), body }).map(({ parameters: given, body: sent }) => {
    const named = inputs.map((input, i) => [input, given[i]] as const);
    return {
      operation,
      path: Object.fromEntries(
        named
          .filter(([{ in: place }]) => place === 'path')
          .map(([{ name }, value]) => [name, encodeURIComponent(value ?? '')]),
      ),
      query: named.flatMap(([{ in: place, name }, value]) =>
        place === 'query' && value !== undefined ? [[name, encodeURIComponent(value)] as const] : [],
      ),
      headers: headersOf(operation),
      body: sent,
    };
  });
}

function bodyOf(document: ApiDocument, values: Arbitraries, operation: Operation): fc.Arbitrary<unknown> {
  const { schema, required, type } = operation.body ?? { schema: {}, required: false, type: '' };
  if (type !== 'application/json') return values.of({ type: 'string', maxLength: 200 });
  if (operation.action) return values.of(schema).map((body) => sensible(operation, body as ActionBody));
  return required
    ? values.of(schema)
    : fc.option(values.of(resolved(document, schema)), { nil: undefined, freq: 4 });
}

interface ActionBody {
  action: string;
  payload: object;
  options?: Record<string, unknown>;
}

/** Options that go together: what the document says of an action in `x-admin`, and no schema can. */
function sensible({ action }: Operation, body: ActionBody): ActionBody {
  const { dry_run, wait_ms, ...others } = body.options ?? {};
  const options = Object.fromEntries(Object.entries(others).filter(([name]) => name !== 'preview_token'));
  return {
    ...body,
    options: {
      ...options,
      ...(action?.preview && dry_run !== undefined ? { dry_run } : {}),
      ...(action?.mode === 'operation' && typeof wait_ms === 'number'
        ? { wait_ms: wait_ms % MAX_WAIT_MS }
        : {}),
      ...(action?.confirm ? { confirm: action.action, reason: 'Because the fuzzer says so' } : {}),
    },
  };
}

function headersOf(operation: Operation): Record<string, string> {
  const needsKey = operation.action?.errors.includes('IDEMPOTENCY_KEY_REQUIRED') ?? false;
  return needsKey ? { 'x-idempotency-key': randomUUID() } : {};
}

/** A way to make a request that has to be refused. */
export interface RequestMutation {
  readonly label: string;
  apply(valid: FuzzRequest): FuzzRequest;
}

/** Every way to break one rule that the document sets for an operation. */
export function requestMutations(document: ApiDocument, operation: Operation): RequestMutation[] {
  const inBody =
    operation.body?.type === 'application/json' ? bodyMutations(document, operation.body.schema) : [];
  // Another action's name makes another variant of the request; unknown ones are tried elsewhere.
  const ofBody = inBody.filter(({ label }) => !operation.action || label !== 'action: not one of the values');
  return [
    ...ofBody.map(inTheBody),
    ...operation.parameters.flatMap((parameter) => ofParameter(document, parameter)),
  ];
}

function inTheBody({ label, apply }: Mutation): RequestMutation {
  return { label, apply: (valid) => ({ ...valid, body: apply(valid.body ?? {}), broken: label }) };
}

function ofParameter(document: ApiDocument, parameter: Parameter): RequestMutation[] {
  if (parameter.in === 'header') return [];
  const { name, in: place } = parameter;
  const values = wrongTexts(document, parameter);
  const wrong = values.map(([what, value]): RequestMutation => {
    const label = `${place} ${name}: ${what}`;
    return {
      label,
      apply: (valid) =>
        place === 'path'
          ? { ...valid, path: { ...valid.path, [name]: value }, broken: label }
          : {
              ...valid,
              query: [...valid.query.filter(([key]) => key !== name), [name, value]],
              broken: label,
            },
    };
  });
  if (place === 'path') return wrong;
  const strange = [`${name}[]`, `${name}[__proto__][x]`, '__proto__', 'hasOwnProperty', 'nonsense'];
  const foreign = strange.map((key): RequestMutation => {
    const label = `query ${key}: unknown`;
    return { label, apply: (valid) => ({ ...valid, query: [...valid.query, [key, '1']], broken: label }) };
  });
  const twice: RequestMutation = {
    label: `query ${name}: given twice`,
    apply: (valid) => ({
      ...valid,
      query: [
        [name, '1'],
        [name, '2'],
      ],
      broken: `query ${name}: given twice`,
    }),
  };
  return [...wrong, ...foreign, twice];
}

/** Wrong values of a parameter, as they stand in a URL. */
function wrongTexts(document: ApiDocument, parameter: Parameter): [string, string][] {
  const schema = resolved(document, parameter.schema ?? {});
  const numeric = schema.type === 'integer' || schema.type === 'number';
  const rules = brokenRules(schema)
    // Nothing at all is another path.
    .filter(([, value]) => parameter.in !== 'path' || String(value) !== '')
    .map(([what, value]): [string, string] => [what, encodeURIComponent(String(value))]);
  const texts: [string, string][] = [
    ['a NUL character', '%00'],
    ['no UTF-8', '%ff%fe'],
  ];
  const numbers: [string, string][] = [
    'nonsense',
    '1.5',
    '1e1',
    '0x1',
    '-0',
    'NaN',
    'Infinity',
    '%201',
    '1%20',
    '%D9%A3',
    '9'.repeat(400),
  ].map((text) => [`no whole number: ${text.slice(0, 10)}`, text]);
  const constrained = numeric || schema.enum !== undefined || schema.format !== undefined;
  return [...rules, ...(constrained ? texts : []), ...(numeric ? numbers : [])];
}

/** The path and query of a request. */
export function urlOf({ operation, path, query }: FuzzRequest): string {
  const filled = operation.path.replace(/\{(\w+)\}/g, (_all, name: string) => path[name] ?? '');
  const pairs = query.map(([name, value]) => `${name}=${value}`);
  return pairs.length > 0 ? `${filled}?${pairs.join('&')}` : filled;
}

/** The body of a request as it is sent; undefined if there is none. */
export function payloadOf({ operation, body }: FuzzRequest): string | undefined {
  if (body === undefined || operation.body === undefined) return undefined;
  return operation.body.type === 'application/json' ? jsonOf(body) : (body as string);
}

/** A command that repeats a request. */
export function curlOf(
  request: FuzzRequest,
  baseUrl: string,
  headers: Readonly<Record<string, string>>,
): string {
  const payload = payloadOf(request);
  const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  return [
    `curl -i -X ${request.operation.method} ${quoted(`${baseUrl}${urlOf(request)}`)}`,
    ...Object.entries(headers).map(
      ([name, value]) => `-H ${quoted(`${name}: ${name === 'authorization' ? 'Bearer $TOKEN' : value}`)}`,
    ),
    ...(payload === undefined ? [] : [`--data-binary ${quoted(payload.slice(0, 2_000))}`]),
  ].join(' ');
}
