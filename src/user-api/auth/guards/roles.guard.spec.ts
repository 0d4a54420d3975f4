import type { ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Roles } from '../../../platform/http/access';
import { ROLES, type Role } from '../../../platform/security/roles';
import { RolesGuard } from './roles.guard';

class Routes {
  says(): void {}
  saysNothing(): void {}
}
Roles('supervisor')(Routes.prototype, 'says', Object.getOwnPropertyDescriptor(Routes.prototype, 'says')!);

describe('a route', () => {
  const guard = new RolesGuard(new Reflector());
  /** The roles that it lets by; `nobody` is who has not signed in. */
  function letBy(url: string, handler: 'says' | 'saysNothing'): string[] {
    return [undefined, ...ROLES].flatMap((role?: Role) => {
      const request = { routeOptions: { url }, actor: role && { role } };
      const context = {
        getType: () => 'http',
        getHandler: () => Routes.prototype[handler],
        getClass: () => Routes,
        switchToHttp: () => ({ getRequest: () => request }),
      } as unknown as ExecutionContext;
      try {
        return guard.canActivate(context) ? [role ?? 'nobody'] : [];
      } catch {
        return [];
      }
    });
  }

  it('of the admin side is for admins, if it does not say for whom', () => {
    expect(letBy('/api/admin/anything/new', 'saysNothing')).toEqual(['admin']);
  });

  it('is for those whom it names', () => {
    expect(letBy('/api/admin/anything', 'says')).toEqual(['supervisor']);
    expect(letBy('/api/jobs/anything', 'says')).toEqual(['supervisor']);
  });

  it('of the user API is for everybody who came as far, if it does not say for whom', () => {
    expect(letBy('/api/jobs/anything', 'saysNothing')).toEqual(['nobody', ...ROLES]);
  });
});
