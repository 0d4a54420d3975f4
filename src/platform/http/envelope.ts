import {
  type CallHandler,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  SetMetadata,
  StreamableFile,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { map, type Observable } from 'rxjs';
import type { Pagination } from './pagination.dto';
import './request';

const NO_ENVELOPE = 'http:no-envelope';

/** The answer of this route is sent as it is. */
export const NoEnvelope = () => SetMetadata(NO_ENVELOPE, true);

/** Data with one page of a list in it; `pagination` stands beside `data` in the answer. */
export class WithPagination<Data> {
  constructor(
    readonly data: Data,
    readonly pagination: Pagination,
  ) {}
}

/** One page of a list, and nothing else. */
export class Paginated<T> extends WithPagination<T[]> {}

/** Wraps what controllers return: `{success, data, timestamp, response_time_ms, trace_id}`. */
@Injectable()
export class EnvelopeInterceptor implements NestInterceptor {
  constructor(private readonly reflector: Reflector) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const targets = [context.getHandler(), context.getClass()];
    if (context.getType() !== 'http' || this.reflector.getAllAndOverride<boolean>(NO_ENVELOPE, targets))
      return next.handle();
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    return next.handle().pipe(map((data: unknown) => envelope(data, request)));
  }
}

function envelope(data: unknown, request: FastifyRequest): unknown {
  if (data instanceof StreamableFile) return data;
  const page =
    data instanceof WithPagination ? { data: data.data as unknown, pagination: data.pagination } : { data };
  return {
    success: true,
    ...page,
    timestamp: new Date().toISOString(),
    response_time_ms: responseTimeMs(request),
    trace_id: request.traceId,
  };
}

/** Milliseconds since the request came, to a tenth. */
export function responseTimeMs(request: FastifyRequest): number {
  return Math.round((performance.now() - request.startedAt) * 10) / 10;
}
