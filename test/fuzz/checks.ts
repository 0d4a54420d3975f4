import Ajv, { type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import { ERROR_CODES, type ErrorCodeInfo } from '../../src/platform/errors/error-codes';
import { PROBLEM_TYPE } from '../../src/platform/http/accept';
import type { ApiDocument, DeclaredResponse, Operation, Schema } from './document';
import type { RawAnswer } from './http';
import { leakIn } from './leaks';

const INFOS: Record<string, ErrorCodeInfo | undefined> = ERROR_CODES;

/** Finds what is wrong with answers, by the document. */
export class Checks {
  private readonly ajv = new Ajv({ strict: false, allErrors: true });
  private readonly compiled = new Map<object, ValidateFunction>();

  constructor(private readonly document: ApiDocument) {
    addFormats(this.ajv);
    this.ajv.addSchema({ $id: 'api', components: { schemas: mapped(document.components.schemas) } });
  }

  /**
   * Everything that is wrong with an answer, whatever the request was.
   *
   * @param sent what the request said, which an error may repeat
   */
  faults(operation: Operation, answer: RawAnswer, sent: string): string[] {
    if (answer.status >= 500 && answer.status !== 503)
      return [`a server error: ${answer.text.slice(0, 500)}`];
    const declared = operation.responses[String(answer.status)];
    if (!declared) return [`the status ${answer.status} is not declared: ${answer.text.slice(0, 300)}`];
    const body = parsed(answer);
    return [
      ...this.headerFaults(declared, answer),
      ...this.contentFaults(operation, declared, answer, body),
      ...(answer.status >= 400 ? errorFaults(declared, answer, body, sent) : []),
    ];
  }

  private headerFaults(declared: DeclaredResponse, answer: RawAnswer): string[] {
    return Object.entries(declared.headers ?? {}).flatMap(([name, header]) => {
      const required = header.required ?? this.document.components.headers[name]?.required ?? false;
      return required && answer.headers[name.toLowerCase()] === undefined
        ? [`the header ${name} is missing`]
        : [];
    });
  }

  private contentFaults(
    operation: Operation,
    declared: DeclaredResponse,
    answer: RawAnswer,
    body: unknown,
  ): string[] {
    const type = typeOf(answer);
    if (operation.method === 'HEAD' || [204, 304].includes(answer.status))
      return answer.text === '' ? [] : ['there is a body where none may be'];
    const media = Object.entries(declared.content ?? {}).find(([name]) => name === type)?.[1];
    if (!media) return [`the content type ${type} is not declared for ${answer.status}`];
    if (!media.schema || !/json$/.test(type)) return [];
    const validate = this.validator(media.schema);
    if (validate(body)) return [];
    const problems = (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
    return [`the body does not match its schema: ${problems.slice(0, 5).join('; ')}`];
  }

  private validator(schema: Schema): ValidateFunction {
    const known = this.compiled.get(schema) ?? this.ajv.compile(exact(schema));
    this.compiled.set(schema, known);
    return known;
  }
}

/** What errors must have in common, in either form. */
function errorFaults(declared: DeclaredResponse, answer: RawAnswer, body: unknown, sent: string): string[] {
  if (!/json$/.test(typeOf(answer)) || typeof body !== 'object' || body === null) return [];
  const error = body as Record<string, unknown>;
  const problem = typeOf(answer) === PROBLEM_TYPE;
  const code = String(problem ? error['code'] : error['error_code']);
  const info = INFOS[code];
  const faults: string[] = [];
  const need = (ok: boolean, fault: string): void => void (ok || faults.push(fault));
  // Answers that are no errors of ours, such as readiness, have none.
  if (!declared['x-error-codes']) return faults;
  need(declared['x-error-codes'].includes(code), `the code ${code} is not declared for ${answer.status}`);
  need(info?.status === answer.status, `${code} does not belong to ${answer.status}`);
  need(error['help'] === info?.advice, 'the advice is missing');
  need(error['trace_id'] === answer.headers['x-trace-id'], 'the trace id of body and header differ');
  need(!problem || error['status'] === answer.status, 'the problem has another status');
  const retry = answer.headers['retry-after'];
  need(!info?.advice.includes('Retry-After') || Number(retry) >= 1, 'it speaks of Retry-After and has none');
  const leak = leakIn(answer.text, sent);
  need(leak === undefined, `the error gives away "${leak}": ${answer.text.slice(0, 300)}`);
  return faults;
}

/** A schema of OpenAPI 3.0 as JSON Schema, in which objects have no fields but those they declare. */
function exact(schema: Schema): object {
  const { nullable, $ref, properties, items, allOf, oneOf, anyOf, additionalProperties, ...own } = schema;
  const closed =
    properties !== undefined && additionalProperties === undefined ? false : additionalProperties;
  const result = {
    ...own,
    ...($ref === undefined ? {} : { $ref: `api${$ref}` }),
    ...(properties === undefined ? {} : { properties: mapped(properties) }),
    ...(items === undefined ? {} : { items: exact(items) }),
    ...(allOf === undefined ? {} : { allOf: allOf.map(exact) }),
    ...(oneOf === undefined ? {} : { oneOf: oneOf.map(exact) }),
    ...(anyOf === undefined ? {} : { anyOf: anyOf.map(exact) }),
    ...(closed === undefined
      ? {}
      : { additionalProperties: typeof closed === 'boolean' ? closed : exact(closed) }),
  };
  return nullable === true ? { anyOf: [{ type: 'null' }, result] } : result;
}

function mapped(schemas: Record<string, Schema>): Record<string, object> {
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, exact(schema)]));
}

function typeOf(answer: RawAnswer): string {
  return (
    String(answer.headers['content-type'] ?? '')
      .split(';')[0]
      ?.trim() ?? ''
  );
}

function parsed(answer: RawAnswer): unknown {
  if (!/json$/.test(typeOf(answer)) || answer.text === '') return undefined;
  return JSON.parse(answer.text) as unknown;
}
