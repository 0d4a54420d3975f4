import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AppError } from '../../../platform/errors/app-error';
import { ROUTE_ROLES } from '../../../platform/http/access';
import type { Role } from '../../../platform/security/roles';
import { areaOf, httpRequest } from './route';

/** Applies `@Roles` of plain routes. On the admin side a route that says nothing is for admins only. */
@Injectable()
export class RolesGuard implements CanActivate {
  constructor(@Inject(Reflector) private readonly reflector: Reflector) {}

  /** @throws AppError FORBIDDEN */
  canActivate(context: ExecutionContext): boolean {
    const request = httpRequest(context);
    if (!request) return true;
    const stated = this.reflector.getAllAndOverride<Role[] | undefined>(ROUTE_ROLES, [
      context.getHandler(),
      context.getClass(),
    ]);
    const roles = stated ?? (areaOf(request) === 'admin' ? ['admin'] : undefined);
    if (!roles || (request.actor && roles.includes(request.actor.role))) return true;
    throw new AppError('FORBIDDEN');
  }
}
