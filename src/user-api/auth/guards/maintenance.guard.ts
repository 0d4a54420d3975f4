import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { AppError } from '../../../platform/errors/app-error';
import { RuntimeSettings } from '../../../platform/settings/runtime-settings';
import { areaOf, httpRequest } from './route';

/** What Retry-After says when nobody said when the maintenance ends, in seconds. */
const DEFAULT_RETRY_S = 60;

/** Closes the user API during maintenance. Sign-in, the admin side and health stay open. */
@Injectable()
export class MaintenanceGuard implements CanActivate {
  constructor(@Inject(RuntimeSettings) private readonly settings: RuntimeSettings) {}

  /** @throws AppError MAINTENANCE */
  canActivate(context: ExecutionContext): boolean {
    const request = httpRequest(context);
    const { enabled, message, until } = this.settings.current().maintenance;
    if (!enabled || !request || areaOf(request) !== 'user') return true;
    const remainingS = until ? Math.ceil((Date.parse(until) - Date.now()) / 1000) : DEFAULT_RETRY_S;
    throw new AppError('MAINTENANCE', message ?? undefined, { retryAfterS: Math.max(1, remainingS) });
  }
}
