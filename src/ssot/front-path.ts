import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../platform/errors/app-error';
import '../platform/http/request';
import { mayReadAll } from '../platform/security/roles';
import { RuntimeSettings } from '../platform/settings/runtime-settings';
import { AdminDoor } from '../user-api/auth/admin-door';
import { ReadLimit, type ReadLimitState } from './read-limit';
import { compress, sendSnapshot, type View, viewAt, VIEWS } from './snapshot-answer';
import { SsotService } from './ssot.service';

/**
 * Answers readers of the read model in front of the router, which costs more than the whole rest of a hit,
 * and whose limits ask Redis. Authentication, address list, role and the shape of the answer are the same code
 * as behind it; who may not read goes on to the router, which says why.
 */
@Injectable()
export class FrontPath implements OnModuleInit, OnModuleDestroy {
  private readonly limit = new ReadLimit();
  private unfollow: () => void = () => undefined;

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly ssot: SsotService,
    private readonly door: AdminDoor,
    private readonly settings: RuntimeSettings,
  ) {}

  onModuleInit(): void {
    this.unfollow = this.ssot.follow((snapshot) => {
      for (const view of VIEWS.values()) compress(view(snapshot));
    });
    const fastify = (
      this.host.httpAdapter as ReturnType<NestFastifyApplication['getHttpAdapter']>
    ).getInstance();
    fastify.addHook('onRequest', (request, reply, done) => {
      const view = request.method === 'GET' ? viewAt(request.raw.url ?? '') : undefined;
      if (!view) return done();
      this.answer(view, request, reply).then((answered) => {
        if (!answered) done();
      }, done);
    });
  }

  onModuleDestroy(): void {
    this.unfollow();
  }

  /** @returns false if the router has to deal with it */
  private async answer(view: View, request: FastifyRequest, reply: FastifyReply): Promise<boolean> {
    const actor = await this.door.enter(request);
    if (!actor || !mayReadAll(actor.role)) return false;
    const state = this.limit.take(actor.userId, this.settings.current().rate_limits.admin_read_per_minute);
    limitHeaders(reply, state);
    if (!state.admitted) {
      throw new AppError('RATE_LIMITED', 'Too many requests: the limit "admin-read" is used up.', {
        retryAfterS: state.resetS,
        violatedPolicies: ['admin-read'],
      });
    }
    const memory = this.ssot.peek();
    const cache = memory?.document.stale ? 'stale' : 'hit';
    sendSnapshot(request, reply, view, memory ? { snapshot: memory, cache } : await this.ssot.read());
    return true;
  }
}

function limitHeaders(reply: FastifyReply, { limit, remaining, resetS }: ReadLimitState): void {
  reply.header('ratelimit-policy', `"admin-read";q=${limit};w=60`);
  reply.header('ratelimit', `"admin-read";r=${remaining};t=${resetS}`);
}
