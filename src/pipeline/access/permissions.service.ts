import { Inject, Injectable } from '@nestjs/common';
import type { Actor, Role } from '../../platform/security/roles';
import { Catalogue } from '../catalogue/catalogue';
import { type AccessDecision, Permissions, type Scope } from './permissions';

/** The permissions of this process' catalogue. */
@Injectable()
export class PermissionsService {
  private permissions?: Permissions;

  constructor(@Inject(Catalogue) private readonly catalogue: Catalogue) {}

  /** Whether the actor may run the action, and on whose objects. */
  decide(actor: Actor, action: string, scope: Scope): AccessDecision {
    return this.all().decide(actor, action, scope);
  }

  /** The names of the actions that a role holds. */
  held(role: Role): string[] {
    return this.all().held(role);
  }

  private all(): Permissions {
    this.permissions ??= new Permissions(this.catalogue.all());
    return this.permissions;
  }
}
