import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import '../../platform/http/request';
import { IpAllowList } from '../../platform/security/ip-allow-list';
import type { Actor } from '../../platform/security/roles';
import { ENV, type Env } from '../../platform/settings/env';
import { AuthService } from './auth.service';
import { bearerToken, tokenOf } from './bearer';

/**
 * Who comes in on the admin side without any question. For what is answered in front of the router, which costs more
 * than the rest of a short answer; whoever is not let in here goes on to the router, whose guards say why.
 */
@Injectable()
export class AdminDoor {
  private readonly allowed: IpAllowList;
  /** By their connections: a text that is new to the engine costs a look-up all that it is long. */
  private readonly tokens = new WeakMap<object, { authorization: string; token: string }>();

  constructor(
    @Inject(AuthService) private readonly auth: AuthService,
    @Inject(ENV) env: Env,
  ) {
    this.allowed = new IpAllowList(env.adminIpAllowlist);
  }

  /**
   * The same as {@link enter} without any wait, of somebody who was let in within the last second; else undefined.
   *
   * @param connection that it comes over, whose requests are mostly of the same person
   * @param authorization the header of that name
   */
  known(connection: object, authorization: string | undefined, clientIp: string): Actor | undefined {
    const token = this.tokenOn(connection, authorization);
    return token && this.allowed.contains(clientIp) ? this.auth.known(token) : undefined;
  }

  /**
   * Who sends a request of somebody who was let in before, and has been waited for since.
   *
   * @throws AppError UNAUTHORIZED if the session has ended or the account was disabled meanwhile; what Postgres throws
   */
  enterAgain(request: Pick<FastifyRequest, 'headers'>): Promise<Actor> {
    return this.auth.authenticate(bearerToken(request) ?? '');
  }

  /**
   * Who sends the request, from an allowed network and with a token that is good; else undefined.
   *
   * @param lastKnownMs while Postgres is away, how long ago it may have said who it is, in milliseconds
   */
  async enter(
    request: Pick<FastifyRequest, 'headers' | 'clientIp'>,
    lastKnownMs = 0,
  ): Promise<Actor | undefined> {
    const token = bearerToken(request);
    if (!token || !this.allowed.contains(request.clientIp)) return undefined;
    try {
      return await this.auth.authenticateOrLast(token, lastKnownMs);
    } catch {
      return undefined; // the guards try again, and tell, and record it
    }
  }

  private tokenOn(connection: object, authorization: string | undefined): string | undefined {
    if (authorization === undefined) return undefined;
    const last = this.tokens.get(connection);
    if (last?.authorization === authorization) return last.token;
    const token = tokenOf(authorization);
    if (token !== undefined) this.tokens.set(connection, { authorization, token });
    return token;
  }
}
