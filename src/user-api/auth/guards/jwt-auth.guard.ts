import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { auditEntry, storableText } from '../../../pipeline/audit/audit-entry';
import { AuditLog } from '../../../pipeline/audit/audit-log';
import { AppError } from '../../../platform/errors/app-error';
import { PUBLIC_ROUTE } from '../../../platform/http/access';
import '../../../platform/http/request';
import { KnownUserRefused } from '../access-tokens';
import { AuthService } from '../auth.service';
import { bearerToken } from '../bearer';
import { areaOf, httpRequest } from './route';

/** Sets `request.actor` from the access token; refuses what has none, apart from public routes. */
@Injectable()
export class JwtAuthGuard implements CanActivate {
  constructor(
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(AuthService) private readonly auth: AuthService,
    @Inject(AuditLog) private readonly audit: AuditLog,
  ) {}

  /** @throws AppError UNAUTHORIZED */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = httpRequest(context);
    if (!request || areaOf(request) === 'other') return true;
    if (this.reflector.getAllAndOverride<boolean>(PUBLIC_ROUTE, [context.getHandler(), context.getClass()]))
      return true;
    const token = bearerToken(request);
    if (!token) throw new AppError('UNAUTHORIZED');
    try {
      request.actor = await this.auth.authenticate(token);
    } catch (error) {
      if (error instanceof KnownUserRefused && areaOf(request) === 'admin') this.record(request, error);
      throw error;
    }
    return true;
  }

  /** Somebody who is known stood before the admin side and was not let in. */
  private record(request: FastifyRequest, error: KnownUserRefused): void {
    this.audit.denied(
      auditEntry({
        phase: 'denial',
        outcome: 'denied',
        actor_id: error.userId,
        status: error.status,
        error_code: error.code,
        detail: { route: request.routeOptions.url ?? null },
        trace_id: request.traceId,
        ip: request.clientIp,
        user_agent: storableText(request.headers['user-agent']),
      }),
    );
  }
}
