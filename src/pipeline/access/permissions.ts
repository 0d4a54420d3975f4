import { createMongoAbility, type MongoAbility } from '@casl/ability';
import { type Actor, type Role, ROLES } from '../../platform/security/roles';
import type { ActionDeclaration } from '../catalogue/action.decorator';

/** All that belongs to somebody, or only what belongs to the actor. */
export type Scope = 'any' | 'own';

/** What a decision rests on, for `explain` and the audit. */
export interface AccessDecision {
  readonly allowed: boolean;
  readonly rule: string;
  /** With scope `own`: whose objects the action is limited to. */
  readonly ownerId?: string;
}

/** Roles that may change what is theirs. `readonly` changes nothing. */
const OWNERS: readonly Role[] = ['admin', 'operator', 'supervisor', 'user'];

type Ruled = Pick<ActionDeclaration, 'name' | 'roles' | 'ownScope' | 'anyoneOnOwn'>;

type Ability = MongoAbility<[string, string]>;

/**
 * What the roles may do, from the declarations alone: a role holds the actions that name it, `admin` holds
 * all of them, and everything else is denied. A permission has the name of its action. Where an action is open to
 * anybody on what is theirs, those who do not hold it get that instead.
 */
export class Permissions {
  constructor(private readonly actions: readonly Ruled[]) {}

  /** Whether the actor may run the action, and on whose objects. */
  decide(actor: Actor, action: string, scope: Scope): AccessDecision {
    const ability = this.abilityOf(actor);
    const holds = ability.can(action, 'all');
    const opened = this.actions.some(({ name, anyoneOnOwn }) => name === action && anyoneOnOwn);
    if (scope === 'any' && (holds || !opened))
      return { allowed: holds, rule: `${actor.role} ${holds ? 'holds' : 'does not hold'} ${action}` };
    const rule = ability.relevantRuleFor(action, 'own');
    const ownerId = rule?.conditions?.['user_id'] as string | undefined;
    if (rule?.inverted !== false || ownerId === undefined)
      return { allowed: false, rule: `${actor.role} may not run ${action} on what is theirs` };
    return { allowed: true, rule: `${actor.role} may run ${action} on what is theirs`, ownerId };
  }

  /** The names of the actions that a role holds. */
  held(role: Role): string[] {
    return this.actions
      .filter((action) => role === 'admin' || (action.roles as readonly Role[]).includes(role))
      .map((action) => action.name);
  }

  private abilityOf(actor: Actor): Ability {
    const all = this.held(actor.role).map((action) => ({ action, subject: 'all' }));
    const own = this.actions
      .filter(({ ownScope, anyoneOnOwn }) =>
        anyoneOnOwn ? ROLES.includes(actor.role) : ownScope && OWNERS.includes(actor.role),
      )
      .map(({ name }) => ({ action: name, subject: 'own', conditions: { user_id: actor.userId } }));
    // Decisions ask for `all` and `own` by name, so the two must not cover each other.
    return createMongoAbility<[string, string]>([...all, ...own], { anySubjectType: '*' });
  }
}
