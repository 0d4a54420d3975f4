import type { IncomingHttpHeaders } from 'node:http';
import { AppError, type FieldError } from '../../platform/errors/app-error';
import { sendErrorText } from '../../platform/http/error-answer';
import type { Answering } from '../../platform/http/plain-reply';
import type { Actor } from '../../platform/security/roles';
import type { Scope } from '../access/permissions';
import type { ActionAnswer, ActionCall } from '../run';

/** What the pipeline has to know of an HTTP request; Fastify's are such. */
export interface ActionRequest {
  readonly actor?: Actor;
  readonly traceId: string;
  readonly clientIp: string;
  /** By the monotonic clock, in milliseconds. */
  readonly startedAt: number;
  readonly headers: IncomingHttpHeaders;
  readonly raw: { readonly rawHeaders: readonly string[] };
}

/** What a caller of the pipeline adds to the request. */
export interface CallExtras {
  options?: unknown;
  /** `own` for user routes: the action then applies to what is the actor's only. */
  scope?: Scope;
  bodyErrors?: readonly FieldError[];
}

/** An HTTP request as the pipeline takes it. @throws AppError UNAUTHORIZED without an actor */
export function actionCall(request: ActionRequest, extras: CallExtras = {}): ActionCall {
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
export function sendAnswer(reply: Answering, answer: ActionAnswer): void {
  void reply.status(answer.status).headers(answer.headers).header('cache-control', 'no-store');
  if (answer.status >= 400) sendErrorText(reply, answer.body);
  else void reply.type('application/json; charset=utf-8').send(answer.body);
}
