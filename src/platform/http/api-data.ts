import { applyDecorators, type Type } from '@nestjs/common';
import { ApiExtraModels, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import { Pagination } from './pagination.dto';
import { AUDIT_PROOF } from './audit-proof-schema';

/** How {@link ApiData} describes an answer. */
export interface ApiDataOptions {
  /** 200 if not given. */
  status?: number;
  description?: string;
  /** `data` is a list; `paged`: one page of it, with `pagination` beside it. */
  list?: boolean | 'paged';
  /** One page of a list is somewhere in `data`, with `pagination` beside it. */
  paged?: boolean;
  /** The answer is that of an action, which has an execution. */
  action?: boolean;
  /** What `data` may look like. */
  example?: unknown;
}

/** Documents a success answer in OpenAPI: the envelope with `data` of the given class. */
export function ApiData(type: Type, options: ApiDataOptions = {}): MethodDecorator {
  const { status = 200, description = 'Done.', list = false, action = false, example } = options;
  const one = { $ref: getSchemaPath(type) };
  const data = list ? { type: 'array', items: one } : one;
  const paged = list === 'paged' || options.paged === true;
  return applyDecorators(
    ApiExtraModels(type, ...(paged ? [Pagination] : [])),
    ApiResponse({
      status,
      description,
      content: {
        'application/json': {
          schema: {
            type: 'object',
            required: [
              'success',
              'data',
              ...(paged ? ['pagination'] : []),
              'timestamp',
              'response_time_ms',
              'trace_id',
              ...(action ? ['execution_id'] : []),
            ],
            properties: {
              success: { type: 'boolean', enum: [true] },
              data,
              ...(paged ? { pagination: { $ref: getSchemaPath(Pagination) } } : {}),
              timestamp: { type: 'string', format: 'date-time' },
              response_time_ms: { type: 'number' },
              trace_id: { type: 'string' },
              ...(action ? { execution_id: { type: 'string', format: 'uuid' }, audit: AUDIT_PROOF } : {}),
            },
          },
          ...(example === undefined ? {} : { example: envelope(example, paged) }),
        },
      },
    }),
  );
}

function envelope(data: unknown, paged: boolean) {
  const pagination = {
    page: 1,
    per_page: 20,
    total: 1,
    total_pages: 1,
    has_next: false,
    has_prev: false,
    next_cursor: null,
  };
  return {
    success: true,
    data,
    ...(paged ? { pagination } : {}),
    timestamp: '2026-01-01T12:00:00.000Z',
    response_time_ms: 4.2,
    trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
  };
}
