import { createMongoAbility, type MongoAbility, type RawRuleOf } from '@casl/ability';
import { type Actor, type Role, ROLES } from '../../platform/security/roles';
import { AccessSettings } from '../../platform/settings/access.settings';
import type { ActionDeclaration } from '../catalogue/action.decorator';
import { matchesAction } from './action-pattern';

/** All that belongs to somebody, or only what belongs to the actor. */
export type Scope = 'any' | 'own';

/** What a decision rests on, for `explain` and the audit. */
export interface AccessDecision {
  readonly allowed: boolean;
  readonly rule: string;
  /** With scope `own`: whose objects the action is limited to. */
  readonly ownerId?: string;
}

/** What a permission depends on. */
export type GuardedAction = Pick<
  ActionDeclaration,
  'name' | 'roles' | 'ownScope' | 'anyoneOnOwn' | 'adminOnly'
>;

/** What settings say about roles. */
export type RoleRules = Pick<AccessSettings, 'role_grants' | 'role_denials'>;

/** Roles that may change what is theirs. `readonly` changes nothing. */
const OWNERS: readonly Role[] = ['admin', 'operator', 'supervisor', 'user'];

type Ability = MongoAbility<[string, string]>;
type Rule = RawRuleOf<Ability>;

// Decisions ask for `all` and `own` by name, so the two must not cover each other.
const OPTIONS = { anySubjectType: '*' };

/**
 * What the roles may do. A role holds the actions that name it, and those that settings grant it; `admin` holds all
 * of them. What settings deny wins over both, though not for `admin`, who could not undo it. Everything else is
 * denied. A permission has the name of its action. Where an action is open to anybody on what is theirs, those who do
 * not hold it get that instead.
 */
export class Permissions {
  private readonly byRole = new Map<Role, { any: Ability; denials: Rule[] }>();

  constructor(
    private readonly actions: readonly GuardedAction[],
    private readonly rules: RoleRules = new AccessSettings(),
  ) {}

  /** Whether the actor may run the action, and on whose objects. */
  decide(actor: Actor, action: string, scope: Scope): AccessDecision {
    const onAll = this.ofRole(actor.role).any.relevantRuleFor(action, 'all');
    const holds = onAll?.inverted === false;
    if (scope === 'any' && (holds || !this.isOpen(action)))
      return { allowed: holds, rule: onAll?.reason ?? `${actor.role} does not hold ${action}` };
    const onOwn = this.onOwn(actor, action).relevantRuleFor(action, 'own');
    const ownerId = onOwn?.conditions?.['user_id'] as string | undefined;
    if (onOwn?.inverted !== false || ownerId === undefined)
      return {
        allowed: false,
        rule: onOwn?.reason ?? `${actor.role} may not run ${action} on what is theirs`,
      };
    return { allowed: true, rule: onOwn.reason ?? '', ownerId };
  }

  /** The names of the actions that a role holds. */
  held(role: Role): string[] {
    const { any } = this.ofRole(role);
    return this.actions.filter((action) => any.can(action.name, 'all')).map((action) => action.name);
  }

  private ofRole(role: Role): { any: Ability; denials: Rule[] } {
    const known = this.byRole.get(role);
    if (known) return known;
    const denials = this.denialsOf(role);
    // Of the rules that fit, the last one counts.
    const any = createMongoAbility<[string, string]>([...this.holdingsOf(role), ...denials], OPTIONS);
    this.byRole.set(role, { any, denials });
    return { any, denials };
  }

  /** Whether anybody may run it on what is theirs. */
  private isOpen(action: string): boolean {
    return this.actions.some(({ name, anyoneOnOwn }) => name === action && anyoneOnOwn === true);
  }

  private onOwn(actor: Actor, name: string): Ability {
    const action = this.actions.find((one) => one.name === name);
    const owns = action?.anyoneOnOwn ? ROLES : action?.ownScope ? OWNERS : [];
    const own: Rule[] = owns.includes(actor.role)
      ? [
          {
            action: name,
            subject: 'own',
            conditions: { user_id: actor.userId },
            reason: `${actor.role} may run ${name} on what is theirs`,
          },
        ]
      : [];
    return createMongoAbility<[string, string]>([...own, ...this.ofRole(actor.role).denials], OPTIONS);
  }

  private holdingsOf(role: Role): Rule[] {
    const holds = ({ name, roles }: GuardedAction) =>
      role === 'admin' || (roles as readonly Role[]).includes(role)
        ? [{ action: name, subject: 'all', reason: `${role} holds ${name}` }]
        : [];
    const granted = patternsOf(this.rules.role_grants, role).flatMap((pattern) =>
      this.actions
        .filter(({ name, adminOnly }) => !adminOnly && matchesAction(pattern, name))
        .map(({ name }) => ({
          action: name,
          subject: 'all',
          reason: `settings grant ${pattern} to ${role}`,
        })),
    );
    return [...granted, ...this.actions.flatMap(holds)];
  }

  private denialsOf(role: Role): Rule[] {
    if (role === 'admin') return [];
    return patternsOf(this.rules.role_denials, role).flatMap((pattern) =>
      this.actions
        .filter(({ name }) => matchesAction(pattern, name))
        .map(({ name }) => ({
          action: name,
          subject: ['all', 'own'],
          inverted: true,
          reason: `settings deny ${pattern} to ${role}`,
        })),
    );
  }
}

/** The role may be anything here: what is in the database is not believed to be one of ours. */
function patternsOf(rules: object, role: unknown): readonly string[] {
  if (typeof role !== 'string' || !Object.hasOwn(rules, role)) return [];
  return (rules as Record<string, readonly string[]>)[role] ?? [];
}
