import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AppError } from '../../../platform/errors/app-error';
import { PUBLIC_ROUTE } from '../../../platform/http/access';
import '../../../platform/http/request';
import { AuthService } from '../auth.service';
import { bearerToken } from '../bearer';
import { areaOf, httpRequest } from './route';

/** Sets `request.actor` from the access token; refuses what has none, apart from public routes. */
@Injectable()
export class JwtAuthGuard implements CanActivate {
  constructor(
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(AuthService) private readonly auth: AuthService,
  ) {}

  /** @throws AppError UNAUTHORIZED */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = httpRequest(context);
    if (!request || areaOf(request) === 'other') return true;
    if (this.reflector.getAllAndOverride<boolean>(PUBLIC_ROUTE, [context.getHandler(), context.getClass()]))
      return true;
    const token = bearerToken(request);
    if (!token) throw new AppError('UNAUTHORIZED');
    request.actor = await this.auth.authenticate(token);
    return true;
  }
}
