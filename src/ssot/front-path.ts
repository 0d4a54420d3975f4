import type { IncomingMessage, ServerResponse } from 'node:http';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../platform/errors/app-error';
import { CORS_HEADERS } from '../platform/http/fastify';
import { plainGetHead } from '../platform/http/plain-get';
import { answerInFront } from '../platform/http/plain-request';
import { sendPrepared } from '../platform/http/prepared-answer';
import '../platform/http/request';
import { clientIp, IpAllowList } from '../platform/security/ip-allow-list';
import { type Actor, mayReadAll } from '../platform/security/roles';
import { ENV, type Env } from '../platform/settings/env';
import { RuntimeSettings } from '../platform/settings/runtime-settings';
import { httpSeries } from '../platform/telemetry/http-series';
import { isTraceId, newTraceId } from '../platform/telemetry/trace-id';
import { AdminDoor } from '../user-api/auth/admin-door';
import { HitHeads } from './hit-heads';
import { ReadLimit, type ReadLimitState } from './read-limit';
import { preferredEncoding } from './rendered';
import { compress, routeOf, sendSnapshot, type View, viewAt, VIEWS } from './snapshot-answer';
import { snapshotReads } from './ssot-metrics';
import { SsotService } from './ssot.service';

/**
 * Answers readers of the read model in front of the router, whose guards and interceptors cost more than the whole
 * rest of a hit, and whose limits ask Redis. Authentication, address list, role, limit and the content of the answer
 * are the same as behind it; who may not read goes on to the router, which says why.
 *
 * A plain hit of somebody who is known waits for nothing, and is answered in front of Fastify, too, with a head that
 * is prepared like the body ({@link hit}). All else is answered in Fastify's first hook.
 */
@Injectable()
export class FrontPath implements OnModuleInit, OnModuleDestroy {
  private readonly limit = new ReadLimit();
  private readonly proxies: IpAllowList;
  private heads = new HitHeads({}, 0);
  private unfollow: () => void = () => undefined;

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly ssot: SsotService,
    private readonly door: AdminDoor,
    private readonly settings: RuntimeSettings,
    @Inject(ENV) env: Env,
  ) {
    this.proxies = new IpAllowList(env.trustedProxies);
  }

  onModuleInit(): void {
    this.unfollow = this.ssot.follow((snapshot) => {
      for (const view of VIEWS.values()) compress(view(snapshot));
    });
    const fastify = (
      this.host.httpAdapter as ReturnType<NestFastifyApplication['getHttpAdapter']>
    ).getInstance();
    const headers = { ...fastify.securityHeaders, ...CORS_HEADERS };
    this.heads = new HitHeads(headers, fastify.server.keepAliveTimeout);
    answerInFront(
      fastify,
      ({ url }) => viewAt(url ?? '') !== undefined,
      (request, response, route) => {
        if (!this.hit(request, response)) route();
      },
    );
    fastify.addHook('onRequest', (request, reply, done) => {
      const view = request.method === 'GET' ? viewAt(request.raw.url ?? '') : undefined;
      if (view) this.answer(view, request, reply, done).catch(done);
      else done();
    });
  }

  onModuleDestroy(): void {
    this.unfollow();
  }

  /** @returns false if it is no plain hit of somebody who is known and whose limit is not used up; nothing is done then */
  private hit(request: IncomingMessage, response: ServerResponse): boolean {
    const startedAt = performance.now();
    const { url = '' } = request;
    const view = viewAt(url);
    const asked = response.shouldKeepAlive ? plainGetHead(request) : undefined;
    const snapshot = this.ssot.peek();
    if (!view || !asked || !snapshot || snapshot.empty) return false;
    const from = clientIp(request.socket.remoteAddress ?? '', asked.forwardedFor, this.proxies);
    const actor = this.door.known(request.socket, asked.authorization, from);
    if (!actor || !mayReadAll(actor.role)) return false;
    const rendered = view(snapshot);
    const body = rendered.bodyFor(asked.acceptEncoding);
    if (body.encoding !== preferredEncoding(asked.acceptEncoding)) return false;
    const limit = this.take(actor);
    if (!limit.admitted) return false;
    const traceId = isTraceId(asked.traceId) ? asked.traceId : newTraceId();
    const status = rendered.matches(asked.ifNoneMatch) ? 304 : 200;
    const moment = { traceId, limit, took: performance.now() - startedAt };
    const head = this.heads.head(status, snapshot, body, moment);
    sendPrepared(response, status, head, status === 200 ? body.body : undefined);
    snapshotReads[snapshot.document.stale ? 'stale' : 'hit']++;
    httpSeries('GET', routeOf(url)).answered(status, (performance.now() - startedAt) / 1000);
    return true;
  }

  private async answer(
    view: View,
    request: FastifyRequest,
    reply: FastifyReply,
    next: () => void,
  ): Promise<void> {
    const { max_stale_s: maxStaleS } = this.settings.current().read_model;
    // An outage of Postgres is when it is looked at most; see docs/decisions/0027.
    const actor = await this.door.enter(request, maxStaleS * 1000);
    if (!actor || !mayReadAll(actor.role)) return next();
    const { limit, remaining, resetS, admitted } = this.take(actor);
    void reply.header('ratelimit-policy', `"admin-read";q=${limit};w=60`);
    void reply.header('ratelimit', `"admin-read";r=${remaining};t=${resetS}`);
    if (!admitted)
      throw new AppError('RATE_LIMITED', 'Too many requests: the limit "admin-read" is used up.', {
        retryAfterS: resetS,
        violatedPolicies: ['admin-read'],
      });
    sendSnapshot(request, reply, view, await this.ssot.read());
  }

  private take(actor: Actor): ReadLimitState {
    return this.limit.take(actor.userId, this.settings.current().rate_limits.admin_read_per_minute);
  }
}
