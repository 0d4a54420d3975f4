import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Server, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { AppError } from '../errors/app-error';
import type { ErrorCode } from '../errors/error-codes';
import { httpSeries } from '../telemetry/http-series';
import { traceContextOf } from '../telemetry/trace-context';
import { newTraceId } from '../telemetry/trace-id';
import { sendError } from './error-answer';
import { errorBody } from './error-body';

/** Our codes for what node's HTTP parser gives up on; the rest is malformed. */
const PARSER_CODES: Record<string, ErrorCode> = {
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'PAYLOAD_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMEOUT',
};

/** Answers what never became a request: it could not be parsed, or took too long. The connection ends. */
export function answerUnparsed(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (socket.writable && !isAnswering(socket)) socket.write(rawAnswer(PARSER_CODES[error.code ?? '']));
  socket.destroySoon();
}

/** Answers requests whose path cannot be decoded or has a part that is too long: no hook has seen them. */
export function answerUnroutable(_error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const { traceId } = traceContextOf(request.headers);
  const error = new AppError('VALIDATION_ERROR', 'The path is malformed or too long.');
  void reply.header('x-trace-id', traceId).header('x-content-type-options', 'nosniff');
  count(request.method, error.status);
  sendError(reply, error, traceId);
}

/** Refuses expectations other than 100-continue, which node would refuse without a word (RFC 9110, 10.1.1). */
export function refuseExpectations(server: Server): void {
  server.on('checkExpectation', ({ socket }: { socket: Socket }) => {
    socket.write(rawAnswer('EXPECTATION_FAILED'));
    socket.destroySoon();
  });
}

/** Whether a part of an answer is on its way, which another one must not be mixed into; node looks there, too. */
function isAnswering(socket: Socket): boolean {
  const { _httpMessage: message } = socket as { _httpMessage?: { headersSent: boolean } };
  return message?.headersSent ?? false;
}

function rawAnswer(code: ErrorCode = 'VALIDATION_ERROR'): string {
  const traceId = newTraceId();
  const error =
    code === 'VALIDATION_ERROR'
      ? new AppError(code, 'This is not a valid HTTP request.')
      : new AppError(code);
  const body = JSON.stringify(errorBody(error, traceId));
  count('unknown', error.status);
  return [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Trace-Id: ${traceId}`,
    'X-Content-Type-Options: nosniff',
    'Cache-Control: no-store',
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}

function count(method: string, status: number): void {
  httpSeries(method, 'unknown').refused(status);
}
