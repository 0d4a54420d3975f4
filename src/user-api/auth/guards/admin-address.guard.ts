import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { SecurityEvents } from '../../../pipeline/audit/security-events';
import { AppError } from '../../../platform/errors/app-error';
import { ADMIN_NETWORKS } from '../../../platform/http/access';
import { IpAllowList } from '../../../platform/security/ip-allow-list';
import { ENV, type Env } from '../../../platform/settings/env';
import { areaOf, httpRequest } from './route';

/** Lets the admin side be used from the networks of ADMIN_IP_ALLOWLIST only. */
@Injectable()
export class AdminAddressGuard implements CanActivate {
  private readonly allowed: IpAllowList;

  /** @throws Error if the list is empty or broken: a process must not start with the admin side open or shut by mistake */
  constructor(
    @Inject(ENV) env: Env,
    @Inject(SecurityEvents) private readonly security: SecurityEvents,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {
    this.allowed = new IpAllowList(env.adminIpAllowlist);
    if (this.allowed.empty) throw new Error('ADMIN_IP_ALLOWLIST is empty: nobody could use the admin side');
  }

  /** @throws AppError IP_NOT_ALLOWED */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = httpRequest(context);
    if (!request || !this.guards(request, context) || this.allowed.contains(request.clientIp)) return true;
    await this.security.record({
      kind: 'ip_denied',
      message: 'The admin side was asked for from an address that is not allowed.',
      userId: request.actor?.userId ?? null,
      origin: {
        traceId: request.traceId,
        ip: request.clientIp,
        userAgent: request.headers['user-agent'] ?? null,
      },
    });
    throw new AppError('IP_NOT_ALLOWED');
  }

  /** Whether the route belongs to the admin side, by its path or by what it says of itself. */
  private guards(request: FastifyRequest, context: ExecutionContext): boolean {
    const targets = [context.getHandler(), context.getClass()];
    return (
      areaOf(request) === 'admin' ||
      this.reflector.getAllAndOverride<boolean | undefined>(ADMIN_NETWORKS, targets) === true
    );
  }
}
