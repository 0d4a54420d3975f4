import type { IncomingMessage, ServerResponse } from 'node:http';
import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ACTION_PATH, ActionEndpoint } from '../../pipeline/http/action-endpoint';
import { sendError } from '../../platform/http/error-answer';
import { toAppError } from '../../platform/http/exception.filter';
import { clientOf, CORS_HEADERS } from '../../platform/http/fastify';
import { readJson } from '../../platform/http/json-body';
import { CommonHead, PlainReply } from '../../platform/http/plain-reply';
import { answerInFront, isPlainPost } from '../../platform/http/plain-request';
import '../../platform/http/request';
import { IpAllowList } from '../../platform/security/ip-allow-list';
import { ENV, type Env } from '../../platform/settings/env';
import { httpSeries } from '../../platform/telemetry/http-series';
import { traceContextOf } from '../../platform/telemetry/trace-context';
import { runInTrace } from '../../platform/telemetry/trace-scope';
import { AdminDoor } from '../auth/admin-door';

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
  }

  private take(request: IncomingMessage, response: ServerResponse, route: () => void): void {
    const startedAt = performance.now();
    const { headers } = request;
    const trace = traceContextOf(headers);
    const clientIp = clientOf(request, this.proxies);
    const answer = async (): Promise<void> => {
      const actor = await this.door.enter({ headers, clientIp });
      if (!actor) return route();
      const reply = new PlainReply(request, response, this.head).header('x-trace-id', trace.traceId);
      try {
        const body = await readJson(request, this.env.httpTimeoutMs);
        const { traceId } = trace;
        await this.endpoint.run({ actor, traceId, clientIp, startedAt, headers, raw: request, body }, reply);
      } catch (thrown) {
        this.fail(thrown, reply, trace.traceId);
      }
      SERIES.answered(response.statusCode, (performance.now() - startedAt) / 1000);
    };
    void runInTrace(trace, answer);
  }

  /** The rest of the body may still come, so the connection ends. */
  private fail(thrown: unknown, reply: PlainReply, traceId: string): void {
    const error = toAppError(thrown);
    if (error.status >= 500) this.log.error(`An action could not be answered: ${String(thrown)}`);
    sendError(reply.header('connection', 'close'), error, traceId);
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
