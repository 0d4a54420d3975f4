import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { addressGroup } from '../../../pipeline/limits/address-group';
import { type LimitPolicy, limitHeaders, RateLimiter } from '../../../pipeline/limits/rate-limiter';
import { AppError } from '../../../platform/errors/app-error';
import type { LimitKind } from '../../../platform/settings/limit.settings';
import { RuntimeSettings } from '../../../platform/settings/runtime-settings';
import { LocalWindow } from './local-window';
import { areaOf, httpReply, httpRequest } from './route';

const WINDOW_S = 60;
/** The pipeline has limits of its own for actions. */
const ACTION_ROUTE = '/api/admin/action';
/** Chunks are many by nature; the size of an upload is limited elsewhere. */
const CHUNK_ROUTE = '/api/upload/chunk';
const CHUNK_FACTOR = 10;
/** A player asks for many ranges of a file, or for a segment every few seconds; what lets it in is the signed link. */
const DOWNLOAD_ROUTES = new Set(['/api/downloads/:token', '/api/downloads/:token/:name']);
/**
 * Orchestrators and monitoring ask these every few seconds from one address, and they have to be answered
 * while Redis is away. So they are counted in the process, and generously.
 */
const PROBE_ROUTES = new Set(['/health', '/health/ready', '/metrics']);
const PROBES_PER_MINUTE = 600;

/** Limits of everything but actions: per user where there is one, per address where there is none. */
@Injectable()
export class RequestLimitGuard implements CanActivate {
  private readonly probes = new LocalWindow(WINDOW_S * 1000);
  /** Counts in Redis' stead while that is away: this process alone, the same limit. */
  private readonly substitute = new LocalWindow(WINDOW_S * 1000);

  constructor(
    @Inject(RateLimiter) private readonly limiter: RateLimiter,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
  ) {}

  /** @throws AppError RATE_LIMITED naming the policy */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = httpRequest(context);
    if (!request) return true;
    const route = request.routeOptions.url ?? '';
    if (PROBE_ROUTES.has(route)) {
      refuseIf(this.probes.take(addressGroup(request.clientIp), PROBES_PER_MINUTE), 'probes');
      return true;
    }
    if (route === ACTION_ROUTE) return true;
    await this.take(this.policyOf(request, route), context);
    return true;
  }

  private async take(policy: LimitPolicy, context: ExecutionContext): Promise<void> {
    const verdict = await this.limiter.consume([policy]).catch(() => undefined);
    if (!verdict) return refuseIf(this.substitute.take(policy.key.join(' '), policy.limit), policy.name);
    httpReply(context).headers(limitHeaders(verdict));
    refuseIf(verdict.retryAfterS * 1000, policy.name);
  }

  private policyOf(request: FastifyRequest, route: string): LimitPolicy {
    const limits = this.settings.current().rate_limits;
    const user = request.actor?.userId;
    if (!user) {
      const download = DOWNLOAD_ROUTES.has(route);
      return {
        name: download ? 'downloads' : 'public',
        kind: limits.kinds.public,
        key: [download ? 'downloads' : 'public', addressGroup(request.clientIp)],
        limit: download ? limits.user_per_minute * CHUNK_FACTOR : limits.public_per_minute,
        windowS: WINDOW_S,
      };
    }
    const perUser = (name: string, kind: LimitKind, limit: number): LimitPolicy => ({
      name,
      kind,
      key: [name, user],
      limit,
      windowS: WINDOW_S,
    });
    if (areaOf(request) === 'admin')
      return perUser('admin-read', limits.kinds.admin_read, limits.admin_read_per_minute);
    if (route === CHUNK_ROUTE)
      return perUser('chunks', limits.kinds.user, limits.user_per_minute * CHUNK_FACTOR);
    return perUser('user', limits.kinds.user, limits.user_per_minute);
  }
}

function refuseIf(waitMs: number, policy: string): void {
  if (waitMs <= 0) return;
  const retryAfterS = Math.max(1, Math.ceil(waitMs / 1000));
  throw new AppError('RATE_LIMITED', `Too many requests: the limit "${policy}" is used up.`, {
    retryAfterS,
    violatedPolicies: [policy],
  });
}
