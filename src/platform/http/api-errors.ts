import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import { ERROR_CODES, type ErrorCode } from '../errors/error-codes';

/** The codes that any route can answer with. */
const COMMON: ErrorCode[] = ['RATE_LIMITED', 'INTERNAL_ERROR'];

/** Documents the error answers of a route that needs an access token. */
export function ApiErrors(...codes: ErrorCode[]): MethodDecorator & ClassDecorator {
  return ApiPublicErrors('UNAUTHORIZED', ...codes);
}

/** Documents the error answers of a route in OpenAPI, one response per status with the codes it stands for. */
export function ApiPublicErrors(...codes: ErrorCode[]): MethodDecorator & ClassDecorator {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set([...codes, ...COMMON])) {
    const { status } = ERROR_CODES[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return applyDecorators(
    ...[...byStatus].map(([status, list]) =>
      ApiResponse({
        status,
        description: list.map((code) => `\`${code}\`: ${ERROR_CODES[code].meaning}`).join('\n\n'),
        content: {
          'application/json': {
            schema: { $ref: '#/components/schemas/ErrorBody' },
            example: example(list[0]),
          },
        },
      }),
    ),
  );
}

function example(code: ErrorCode = 'INTERNAL_ERROR') {
  return {
    success: false,
    error: ERROR_CODES[code].meaning,
    error_code: code,
    timestamp: '2026-01-01T12:00:00.000Z',
    trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
  };
}
