import type { IncomingMessage, ServerResponse } from 'node:http';
import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ACTION_PATH, ActionEndpoint } from '../../pipeline/http/action-endpoint';
import { denialsTotal } from '../../pipeline/metrics';
import type { AppError } from '../../platform/errors/app-error';
import { sendError } from '../../platform/http/error-answer';
import { toAppError } from '../../platform/http/exception.filter';
import { clientOf, CORS_HEADERS } from '../../platform/http/fastify';
import { readJson } from '../../platform/http/json-body';
import { CommonHead, PlainReply } from '../../platform/http/plain-reply';
import { answerInFront, isPlainPost } from '../../platform/http/plain-request';
import '../../platform/http/request';
import { IpAllowList } from '../../platform/security/ip-allow-list';
import type { Actor } from '../../platform/security/roles';
import { ENV, type Env } from '../../platform/settings/env';
import { httpSeries } from '../../platform/telemetry/http-series';
import { traceContextOf } from '../../platform/telemetry/trace-context';
import { runInTrace } from '../../platform/telemetry/trace-scope';
import { AdminDoor } from '../auth/admin-door';
import { type RefusedRequest, Refusals } from '../auth/refusals';

const SERIES = httpSeries('POST', ACTION_PATH);

/**
 * Runs actions in front of Nest's router, whose guards, pipes and interceptors cost more than the pipeline, and the
 * usual ones in front of Fastify, too. Everything that decides is the same code as behind them; who is not let in goes
 * on to them and is told why.
 */
@Injectable()
export class ActionFront implements OnModuleInit {
  private readonly log = new Logger(ActionFront.name);
  private readonly proxies: IpAllowList;
  private head = new CommonHead({}, 0);

  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(AdminDoor) private readonly door: AdminDoor,
    @Inject(ActionEndpoint) private readonly endpoint: ActionEndpoint,
    @Inject(Refusals) private readonly refusals: Refusals,
    @Inject(ENV) private readonly env: Env,
  ) {
    this.proxies = new IpAllowList(env.trustedProxies);
  }

  onModuleInit(): void {
    const fastify = (
      this.host.httpAdapter as ReturnType<NestFastifyApplication['getHttpAdapter']>
    ).getInstance();
    const headers = { ...fastify.securityHeaders, ...CORS_HEADERS };
    this.head = new CommonHead(headers, fastify.server.keepAliveTimeout);
    answerInFront(
      fastify,
      (request) => request.url === ACTION_PATH && isPlainPost(request),
      (request, response, route) => this.take(request, response, route),
    );
    fastify.addHook('preHandler', (request, reply, done) => {
      if (request.method === 'POST' && request.routeOptions.url === ACTION_PATH)
        this.handle(request, reply, done);
      else done();
    });
    // Before there is an answer; what the guards refuse is answered, and recorded, in the router.
    fastify.addHook('onError', async (request, _reply, thrown) => {
      if (request.method === 'POST' && request.routeOptions.url === ACTION_PATH)
        this.refused(request, toAppError(thrown), await this.door.enter(request));
    });
  }

  private take(request: IncomingMessage, response: ServerResponse, route: () => void): void {
    const startedAt = performance.now();
    const { headers } = request;
    const trace = traceContextOf(headers);
    const { traceId } = trace;
    const clientIp = clientOf(request, this.proxies);
    const answer = async (): Promise<void> => {
      const known = await this.door.enter({ headers, clientIp });
      if (!known) return route();
      const reply = new PlainReply(request, response, this.head).header('x-trace-id', traceId);
      try {
        const arrived = request.complete;
        const body = await readJson(request, this.env.httpTimeoutMs);
        // While a body was waited for, they may have been signed out, demoted or shut out.
        const actor = arrived ? known : await this.door.enterAgain({ headers });
        await this.endpoint.run({ actor, traceId, clientIp, startedAt, headers, raw: request, body }, reply);
      } catch (thrown) {
        const error = toAppError(thrown);
        if (error.status >= 500) this.log.error(`An action could not be answered: ${String(thrown)}`);
        this.refused({ traceId, clientIp, headers }, error, known);
        // The rest of the body may still come, so the connection ends.
        sendError(reply.header('connection', 'close'), error, traceId);
      }
      SERIES.answered(response.statusCode, (performance.now() - startedAt) / 1000);
    };
    void runInTrace(trace, answer);
  }

  /** Records that somebody was refused before the pipeline, which records what it refuses, had the request. */
  private refused(request: RefusedRequest, error: AppError, actor: Actor | undefined): void {
    if (!actor || error.status >= 500) return;
    denialsTotal.inc({ code: error.code });
    this.refusals.record(request, ACTION_PATH, error, actor);
  }

  private handle(request: FastifyRequest, reply: FastifyReply, next: (error?: Error) => void): void {
    this.door
      .enter(request)
      .then((actor) => {
        if (!actor) return next();
        request.actor = actor;
        return this.endpoint.run(request, reply);
      })
      .catch(next);
  }
}
