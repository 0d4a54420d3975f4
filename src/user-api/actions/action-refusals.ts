import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { denialsTotal } from '../../pipeline/metrics';
import type { AppError } from '../../platform/errors/app-error';
import '../../platform/http/request';
import type { Actor } from '../../platform/security/roles';
import { KnownUserRefused } from '../auth/access-tokens';
import { AuthService } from '../auth/auth.service';
import { bearerToken } from '../auth/bearer';
import { Refusals } from '../auth/refusals';
import { actionOfRoute } from './action-route';

/**
 * Records what the routes of the user API that run actions refuse before the pipeline has the request: bodies that
 * cannot be read, fields that are wrong, roles and limits.
 */
@Injectable()
export class ActionRefusals implements OnModuleInit {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(AuthService) private readonly auth: AuthService,
    @Inject(Refusals) private readonly refusals: Refusals,
  ) {}

  onModuleInit(): void {
    const fastify = (
      this.host.httpAdapter as ReturnType<NestFastifyApplication['getHttpAdapter']>
    ).getInstance();
    // Once it is answered: whoever refused it, the reason is known, and nobody waits for the record.
    fastify.addHook('onResponse', async (request) => {
      const action = actionOfRoute(request.routeOptions.config);
      if (action && request.refusal) await this.record(request, request.refusal, action.name);
    });
  }

  private async record(request: FastifyRequest, refusal: AppError, action: string | null): Promise<void> {
    // The guard of addresses has raised an alarm, which is the record of it.
    if (refusal.code === 'IP_NOT_ALLOWED') return;
    const who = await this.whoSent(request, refusal);
    if (!who) return;
    denialsTotal.inc({ code: refusal.code });
    this.refusals.record(request, request.routeOptions.url ?? null, refusal, who, action);
  }

  /** A body is read before anybody looks at who sends it. */
  private async whoSent(
    request: FastifyRequest,
    refusal: AppError,
  ): Promise<(Pick<Actor, 'userId'> & Partial<Actor>) | undefined> {
    if (request.actor) return request.actor;
    if (refusal instanceof KnownUserRefused) return refusal;
    try {
      const token = bearerToken(request);
      return token ? await this.auth.authenticate(token) : undefined;
    } catch (error) {
      return error instanceof KnownUserRefused ? error : undefined;
    }
  }
}
