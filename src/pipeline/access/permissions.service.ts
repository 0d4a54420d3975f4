import { Inject, Injectable } from '@nestjs/common';
import type { Actor, Role } from '../../platform/security/roles';
import type { AccessSettings } from '../../platform/settings/access.settings';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';
import { Catalogue } from '../catalogue/catalogue';
import { type AccessDecision, Permissions, type Scope } from './permissions';

/** The permissions of this process' catalogue, under the settings in force. */
@Injectable()
export class PermissionsService {
  private made?: { from: AccessSettings; permissions: Permissions };

  constructor(
    @Inject(Catalogue) private readonly catalogue: Catalogue,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
  ) {}

  /** Whether the actor may run the action, and on whose objects. */
  decide(actor: Actor, action: string, scope: Scope): AccessDecision {
    return this.current().decide(actor, action, scope);
  }

  /** The names of the actions that a role holds. */
  held(role: Role): string[] {
    return this.current().held(role);
  }

  private current(): Permissions {
    const { access } = this.settings.current();
    if (this.made?.from !== access)
      this.made = { from: access, permissions: new Permissions(this.catalogue.all(), access) };
    return this.made.permissions;
  }
}
