import type { OpenAPIObject } from '@nestjs/swagger';
import { ERROR_CODES, type ErrorCode, type ErrorCodeInfo } from '../errors/error-codes';
import { AppError } from '../errors/app-error';
import { PROBLEM_TYPE } from './accept';
import { ERROR_CODES_EXTENSION } from './api-errors';
import { type ErrorBody, errorBody } from './error-body';
import { errorHeaders, ERROR_SCHEMAS, HEADERS, TRACE_HEADER } from './openapi-error-schemas';

type PathItem = OpenAPIObject['paths'][string];
type Operation = NonNullable<PathItem['get']> & { [ERROR_CODES_EXTENSION]?: ErrorCode[] };
type Response = Exclude<NonNullable<Operation['responses'][string]>, { $ref: string }>;

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
const WITH_BODY: readonly string[] = ['post', 'put', 'patch'];

const EXAMPLE_TIME = '2026-01-01T12:00:00.000Z';
const EXAMPLE_TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

/**
 * Describes the error answers of every operation: those that its route declares, and those that follow from its
 * path, method and parameters. Changes the document.
 */
export function describeErrors(document: OpenAPIObject): void {
  const components = (document.components ??= {});
  components.schemas = { ...components.schemas, ...ERROR_SCHEMAS };
  components.headers = { ...components.headers, ...HEADERS };
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const operation = item[method];
      if (operation) describeOperation(path, method, operation);
    }
  }
}

function describeOperation(path: string, method: string, operation: Operation): void {
  const declared = operation[ERROR_CODES_EXTENSION] ?? [];
  const codes = [...new Set([...declared, ...impliedCodes(path, method, operation)])].sort();
  operation[ERROR_CODES_EXTENSION] = codes;
  const responses = { ...operation.responses, ...errorResponses(codes) };
  operation.responses = Object.fromEntries(
    Object.entries(responses as Record<string, Response>).map(([status, response]) => [
      status,
      { ...response, headers: { ...response.headers, ...TRACE_HEADER } },
    ]),
  );
}

/** What an operation may answer with because of what it is, whatever it does. */
function impliedCodes(path: string, method: string, operation: Operation): ErrorCode[] {
  const codes: ErrorCode[] = ['RATE_LIMITED', 'INTERNAL_ERROR'];
  const inputs = (operation.parameters ?? []).filter((one) => 'in' in one && one.in !== 'header');
  if (inputs.length > 0) codes.push('VALIDATION_ERROR');
  if (WITH_BODY.includes(method))
    codes.push('VALIDATION_ERROR', 'REQUEST_TIMEOUT', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE');
  if (operation.security?.length) codes.push('UNAUTHORIZED');
  if (!path.startsWith('/api/')) return codes;
  codes.push('SERVICE_UNAVAILABLE');
  if (path.startsWith('/api/admin/')) codes.push('FORBIDDEN', 'IP_NOT_ALLOWED');
  else if (!path.startsWith('/api/auth/')) codes.push('MAINTENANCE');
  return codes;
}

/** One response per status, with the codes that it stands for. */
function errorResponses(codes: readonly ErrorCode[]): Record<string, Response> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const { status } = ERROR_CODES[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries([...byStatus].map(([status, list]) => [String(status), errorResponse(list)]));
}

function errorResponse(codes: readonly ErrorCode[]): Response {
  const response = {
    description: codes.map(described).join('\n\n'),
    headers: errorHeaders(codes),
    content: {
      'application/json': { schema: { $ref: '#/components/schemas/ErrorBody' }, example: example(codes[0]) },
      [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } },
    },
    [ERROR_CODES_EXTENSION]: codes,
  };
  return response;
}

function described(code: ErrorCode): string {
  const { meaning, advice }: ErrorCodeInfo = ERROR_CODES[code];
  return `\`${code}\`: ${meaning} ${advice}`;
}

function example(code: ErrorCode = 'INTERNAL_ERROR'): ErrorBody {
  return { ...errorBody(new AppError(code), EXAMPLE_TRACE), timestamp: EXAMPLE_TIME };
}
