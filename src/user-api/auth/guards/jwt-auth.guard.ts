import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AppError } from '../../../platform/errors/app-error';
import { PUBLIC_ROUTE } from '../../../platform/http/access';
import '../../../platform/http/request';
import { KnownUserRefused } from '../access-tokens';
import { AuthService } from '../auth.service';
import { bearerToken } from '../bearer';
import { Refusals } from '../refusals';
import { areaOf, httpRequest } from './route';

/** Sets `request.actor` from the access token; refuses what has none, apart from public routes. */
@Injectable()
export class JwtAuthGuard implements CanActivate {
  constructor(
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(AuthService) private readonly auth: AuthService,
    @Inject(Refusals) private readonly refusals: Refusals,
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
      // Somebody who is known stood before the admin side and was not let in.
      if (error instanceof KnownUserRefused && areaOf(request) === 'admin')
        this.refusals.record(request, request.routeOptions.url ?? null, error, error);
      throw error;
    }
    return true;
  }
}
