import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError, type FieldError } from '../../platform/errors/app-error';
import { sendErrorBytes } from '../../platform/http/error-answer';
import '../../platform/http/request';
import type { Scope } from '../access/permissions';
import type { ActionAnswer, ActionCall } from '../run';

/** What a caller of the pipeline adds to the request. */
export interface CallExtras {
  options?: unknown;
  /** `own` for user routes: the action then applies to what is the actor's only. */
  scope?: Scope;
  bodyErrors?: readonly FieldError[];
}

/** An HTTP request as the pipeline takes it. @throws AppError UNAUTHORIZED without an actor */
export function actionCall(request: FastifyRequest, extras: CallExtras = {}): ActionCall {
  if (!request.actor) throw new AppError('UNAUTHORIZED');
  return {
    actor: request.actor,
    origin: {
      traceId: request.traceId,
      ip: request.clientIp,
      userAgent: request.headers['user-agent'] ?? null,
    },
    rawHeaders: request.raw.rawHeaders,
    options: extras.options,
    bodyErrors: extras.bodyErrors ?? [],
    scope: extras.scope ?? 'any',
    startedAt: request.startedAt,
  };
}

/**
 * Sends an answer as it is: what was stored is replayed byte for byte. An error goes out in the form that the
 * request asks for, which is made of the stored bytes alone: a replay is the same in either form.
 */
export function sendAnswer(reply: FastifyReply, answer: ActionAnswer): void {
  void reply.status(answer.status).headers(answer.headers).header('cache-control', 'no-store');
  if (answer.status >= 400) sendErrorBytes(reply, answer.body);
  else void reply.type('application/json; charset=utf-8').send(answer.body);
}
