import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppError } from '../platform/errors/app-error';
import { sendError } from '../platform/http/error-answer';
import { toAppError } from '../platform/http/exception.filter';
import { clientOf, CORS_HEADERS } from '../platform/http/fastify';
import { type Answering, PlainReply } from '../platform/http/plain-reply';
import { answerInFront, isPlainGet } from '../platform/http/plain-request';
import '../platform/http/request';
import { IpAllowList } from '../platform/security/ip-allow-list';
import { type Actor, mayReadAll } from '../platform/security/roles';
import { ENV, type Env } from '../platform/settings/env';
import { RuntimeSettings } from '../platform/settings/runtime-settings';
import { httpDuration, httpRequests } from '../platform/telemetry/metrics';
import { traceContextOf } from '../platform/telemetry/trace-context';
import { runInTrace } from '../platform/telemetry/trace-scope';
import { AdminDoor } from '../user-api/auth/admin-door';
import { ReadLimit, type ReadLimitState } from './read-limit';
import { compress, sendSnapshot, type View, viewAt, VIEWS } from './snapshot-answer';
import { SsotService } from './ssot.service';

/** What has to be known of a request. */
interface Asked {
  readonly headers: IncomingHttpHeaders;
  /** By the monotonic clock, in milliseconds. */
  readonly startedAt: number;
}

/**
 * Answers readers of the read model in front of Fastify, or at least of the router, which cost more than the whole
 * rest of a hit, and whose limits ask Redis. Authentication, address list, role and the shape of the answer are the
 * same code as behind them; who may not read goes on to the router, which says why.
 */
@Injectable()
export class FrontPath implements OnModuleInit, OnModuleDestroy {
  private readonly log = new Logger(FrontPath.name);
  private readonly limit = new ReadLimit();
  private readonly proxies: IpAllowList;
  private headers: Readonly<Record<string, string>> = {};
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
    this.headers = { ...fastify.securityHeaders, ...CORS_HEADERS };
    answerInFront(
      fastify,
      (request) => viewAt(request.url ?? '') !== undefined && isPlainGet(request),
      (request, response, route) => this.take(request, response, route),
    );
    fastify.addHook('onRequest', (request, reply, done) => {
      const view = request.method === 'GET' ? viewAt(request.raw.url ?? '') : undefined;
      if (!view) return done();
      const enter = async (): Promise<void> => {
        const actor = await this.door.enter(request);
        if (!actor || !mayReadAll(actor.role)) return done();
        await this.answer(view, actor, request, reply);
      };
      enter().catch(done);
    });
  }

  onModuleDestroy(): void {
    this.unfollow();
  }

  private take(request: IncomingMessage, response: ServerResponse, route: () => void): void {
    const view = viewAt(request.url ?? '');
    if (!view) return route();
    const asked = { headers: request.headers, startedAt: performance.now() };
    const from = { headers: request.headers, clientIp: clientOf(request, this.proxies) };
    const trace = traceContextOf(request.headers);
    const reply = new PlainReply(request, response, this.headers).header('x-trace-id', trace.traceId);
    const known = this.door.known(from);
    const memory = known && mayReadAll(known.role) ? this.ssot.peek() : undefined;
    const answer = async (): Promise<void> => {
      const actor = known ?? (await this.door.enter(from));
      if (!actor || !mayReadAll(actor.role)) return route();
      try {
        await this.answer(view, actor, asked, reply);
      } catch (thrown) {
        this.fail(thrown, reply, trace.traceId);
      }
      count(request, response, asked.startedAt);
    };
    if (!known || !memory) return void runInTrace(trace, answer);
    // A hit of somebody who is known waits for nothing.
    try {
      this.admit(known, reply);
      sendSnapshot(asked, reply, view, { snapshot: memory, cache: memory.document.stale ? 'stale' : 'hit' });
    } catch (thrown) {
      this.fail(thrown, reply, trace.traceId);
    }
    count(request, response, asked.startedAt);
  }

  private async answer(view: View, actor: Actor, asked: Asked, reply: Answering): Promise<void> {
    this.admit(actor, reply);
    sendSnapshot(asked, reply, view, await this.ssot.read());
  }

  /** @throws AppError RATE_LIMITED */
  private admit(actor: Actor, reply: Answering): void {
    const state = this.limit.take(actor.userId, this.settings.current().rate_limits.admin_read_per_minute);
    limitHeaders(reply, state);
    if (state.admitted) return;
    throw new AppError('RATE_LIMITED', 'Too many requests: the limit "admin-read" is used up.', {
      retryAfterS: state.resetS,
      violatedPolicies: ['admin-read'],
    });
  }

  private fail(thrown: unknown, reply: PlainReply, traceId: string): void {
    const error = toAppError(thrown);
    if (error.status >= 500) this.log.error(`The read model could not be answered: ${String(thrown)}`);
    sendError(reply, error, traceId);
  }
}

function limitHeaders(reply: Answering, { limit, remaining, resetS }: ReadLimitState): void {
  reply.header('ratelimit-policy', `"admin-read";q=${limit};w=60`);
  reply.header('ratelimit', `"admin-read";r=${remaining};t=${resetS}`);
}

function count({ url = '' }: IncomingMessage, { statusCode }: ServerResponse, startedAt: number): void {
  const series = { method: 'GET', route: url.split('?', 1)[0] ?? url };
  httpRequests.inc({ ...series, status: String(statusCode) });
  httpDuration.observe(series, (performance.now() - startedAt) / 1000);
}
