import type { AppError } from '../errors/app-error';
import { PROBLEM_TYPE, wantsProblem } from './accept';
import { type ErrorBody, errorBody, problemOf } from './error-body';
import type { Answering } from './plain-reply';
import { varyBy } from './vary';

const ENVELOPE_TYPE = 'application/json; charset=utf-8';

/** Sends an error in the form that the request asks for. */
export function sendError(reply: Answering, error: AppError, traceId: string): void {
  if (error.retryAfterS !== undefined)
    void reply.header('retry-after', Math.max(1, Math.ceil(error.retryAfterS)));
  // RFC 9110, 15.5.2: a 401 says how to sign in.
  if (error.status === 401) void reply.header('www-authenticate', 'Bearer realm="agentos"');
  void reply.status(error.status).header('cache-control', 'no-store');
  sendErrorText(reply, JSON.stringify(errorBody(error, traceId)));
}

/** Sends an {@link ErrorBody} in JSON, as it is or as RFC 9457 has it. Status and headers are set before. */
export function sendErrorText(reply: Answering, text: Buffer | string): void {
  varyBy(reply, 'Accept');
  if (!wantsProblem(reply.request.headers.accept)) {
    void reply.type(ENVELOPE_TYPE).send(text);
    return;
  }
  const problem = problemOf(JSON.parse(text.toString()) as ErrorBody);
  // As bytes: to a text Fastify would add a charset, which this type does not have.
  void reply.type(PROBLEM_TYPE).send(Buffer.from(JSON.stringify(problem)));
}
