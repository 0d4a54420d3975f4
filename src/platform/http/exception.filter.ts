import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../errors/app-error';
import type { ErrorCode } from '../errors/error-codes';
import { unavailableServer } from '../errors/unavailable';
import { sendError } from './error-answer';
import './request';

/** Our codes for the errors that the framework itself answers with. */
const FRAMEWORK_CODES: Record<number, ErrorCode> = {
  400: 'VALIDATION_ERROR',
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  413: 'PAYLOAD_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
};

/** The one place where errors become answers. What is not meant for callers becomes a bare 500 and a log line. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  private readonly log = new Logger(ErrorFilter.name);

  catch(thrown: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const error = wrongMethod(request, reply) ?? toAppError(thrown);
    if (error.status >= 500) this.report(thrown, error, request);
    else request.refusal = error;
    if (!reply.sent) sendError(reply, error, request.traceId);
  }

  private report(thrown: unknown, error: AppError, request: FastifyRequest): void {
    const cause = error.cause ?? thrown;
    this.log[error.code === 'INTERNAL_ERROR' ? 'error' : 'warn'](
      {
        trace_id: request.traceId,
        route: request.routeOptions.url,
        error_code: error.code,
        err: cause instanceof Error ? { message: cause.message, stack: cause.stack } : String(cause),
      },
      error.message,
    );
  }
}

/** The path exists, but not with this method: 405 with the methods that it answers. */
function wrongMethod(request: FastifyRequest, reply: FastifyReply): AppError | undefined {
  if (!request.is404) return undefined;
  const methods = request.server.allowedMethods.of(request.url);
  if (methods.length === 0) return undefined;
  void reply.header('allow', methods.join(', '));
  return new AppError('METHOD_NOT_ALLOWED');
}

/** What the caller is told about anything that was thrown. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const server = unavailableServer(thrown);
  if (server) return new AppError('SERVICE_UNAVAILABLE', undefined, { cause: thrown, retryAfterS: 2 });
  const status = statusOf(thrown);
  const code = status === undefined ? undefined : FRAMEWORK_CODES[status];
  if (code === undefined) return new AppError('INTERNAL_ERROR', undefined, { cause: thrown });
  return new AppError(code, undefined, { cause: thrown });
}

function statusOf(thrown: unknown): number | undefined {
  if (thrown instanceof HttpException) return thrown.getStatus();
  const status = (thrown as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? status : undefined;
}
