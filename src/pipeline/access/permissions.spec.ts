import { ROLES, type Role } from '../../platform/security/roles';
import { AccessSettings } from '../../platform/settings/access.settings';
import { type GuardedAction, Permissions } from './permissions';

const DECLARED: GuardedAction[] = [
  { name: 'job.cancel', roles: ['operator', 'supervisor'], ownScope: true },
  { name: 'job.export', roles: ['operator', 'supervisor', 'readonly'] },
  { name: 'queue.pause', roles: ['operator'] },
  { name: 'queue.clear', roles: [] },
  { name: 'system.stop', roles: ['operator'], anyoneOnOwn: true },
];
const PERMISSIONS = new Permissions(DECLARED);

/** Written by hand: who may run what on everything. */
const ANY: Record<Role, string[]> = {
  admin: ['job.cancel', 'job.export', 'queue.pause', 'queue.clear', 'system.stop'],
  operator: ['job.cancel', 'job.export', 'queue.pause', 'system.stop'],
  supervisor: ['job.cancel', 'job.export'],
  readonly: ['job.export'],
  user: [],
};
/** And on what is theirs. */
const OWN: Record<Role, string[]> = {
  admin: ['job.cancel', 'system.stop'],
  operator: ['job.cancel', 'system.stop'],
  supervisor: ['job.cancel', 'system.stop'],
  readonly: ['system.stop'],
  user: ['job.cancel', 'system.stop'],
};
const ACTIONS = [
  'job.cancel',
  'job.export',
  'queue.pause',
  'queue.clear',
  'system.stop',
  'nothing.at_all',
  'all',
  '*',
  'own',
  'manage',
];

/** The same actions, and one that only admins may have, under what settings say about roles. */
const withRules = (rules: Partial<Record<'role_grants' | 'role_denials', Record<string, string[]>>>) => {
  const settings = new AccessSettings();
  Object.assign(settings.role_grants, rules.role_grants);
  Object.assign(settings.role_denials, rules.role_denials);
  return new Permissions([...DECLARED, { name: 'config.save', roles: [], adminOnly: true }], settings);
};

const actor = (role: unknown) => ({
  userId: 'u1',
  email: 'u1@example.test',
  role: role as Role,
  sessionId: 's1',
});

describe('permissions', () => {
  it.each(ROLES)('of %s are those written here', (role) => {
    for (const action of ACTIONS) {
      const { allowed, ownerId } = PERMISSIONS.decide(actor(role), action, 'any');
      expect([action, allowed && ownerId === undefined]).toEqual([action, ANY[role].includes(action)]);
      expect([action, PERMISSIONS.decide(actor(role), action, 'own').allowed]).toEqual([
        action,
        OWN[role].includes(action),
      ]);
    }
    expect(PERMISSIONS.held(role)).toEqual(ANY[role]);
  });

  it('on what is theirs come with whose that is', () => {
    expect(PERMISSIONS.decide(actor('user'), 'job.cancel', 'own').ownerId).toBe('u1');
    expect(PERMISSIONS.decide(actor('admin'), 'job.cancel', 'own').ownerId).toBe('u1');
    expect(PERMISSIONS.decide(actor('operator'), 'job.cancel', 'any').ownerId).toBeUndefined();
  });

  it('are for anybody on what is theirs where an action is open to that, and for the holders on all', () => {
    expect(PERMISSIONS.decide(actor('readonly'), 'system.stop', 'any')).toEqual({
      allowed: true,
      rule: 'readonly may run system.stop on what is theirs',
      ownerId: 'u1',
    });
    expect(PERMISSIONS.decide(actor('operator'), 'system.stop', 'any').ownerId).toBeUndefined();
  });

  it.each<[unknown]>([
    [''],
    ['ADMIN'],
    ['admin '],
    ['root'],
    ['__proto__'],
    ['constructor'],
    [null],
    [undefined],
    [true],
    [['admin']],
    [['admin', 'user']],
    [{ $ne: 1 }],
    [{ toString: () => 'admin' }],
  ])('of a role that does not exist (%p) are none, whatever settings grant', (role) => {
    const generous = withRules({ role_grants: { operator: ['*'], supervisor: ['*'], readonly: ['*'] } });
    for (const permissions of [PERMISSIONS, generous])
      for (const action of ACTIONS) {
        expect(permissions.decide(actor(role), action, 'any').allowed).toBe(false);
        expect(permissions.decide(actor(role), action, 'own').allowed).toBe(false);
      }
  });

  it('say by which rule they decide', () => {
    expect(PERMISSIONS.decide(actor('operator'), 'queue.pause', 'any').rule).toBe(
      'operator holds queue.pause',
    );
    expect(PERMISSIONS.decide(actor('readonly'), 'queue.pause', 'any').rule).toBe(
      'readonly does not hold queue.pause',
    );
  });

  it.each<[string[], string[]]>([
    [['queue.clear'], ['job.cancel', 'job.export', 'queue.clear', 'queue.pause']],
    [['queue.*'], ['job.cancel', 'job.export', 'queue.clear', 'queue.pause']],
    [['*'], ['job.cancel', 'job.export', 'queue.clear', 'queue.pause']],
    [['queue.cle'], ['job.cancel', 'job.export', 'queue.pause']],
    [
      ['que.*', 'queue', 'config.save', 'config.*'],
      ['job.cancel', 'job.export', 'queue.pause'],
    ],
  ])('grow by what settings grant: %j', (operator, expected) => {
    const permissions = withRules({ role_grants: { operator } });
    expect(permissions.held('operator').sort()).toEqual([...expected, 'system.stop']);
    expect(permissions.held('supervisor').sort()).toEqual(['job.cancel', 'job.export']);
  });

  it('shrink by what settings deny, which wins over everything that grants', () => {
    const permissions = withRules({
      role_grants: { operator: ['queue.*'] },
      role_denials: { operator: ['queue.*', 'job.cancel'], user: ['*'] },
    });
    expect(permissions.held('operator')).toEqual(['job.export', 'system.stop']);
    expect(permissions.decide(actor('operator'), 'job.cancel', 'own').allowed).toBe(false);
    expect(permissions.decide(actor('user'), 'job.cancel', 'own').allowed).toBe(false);
    expect(permissions.decide(actor('supervisor'), 'job.cancel', 'own').allowed).toBe(true);
    expect(permissions.decide(actor('operator'), 'queue.pause', 'any').rule).toBe(
      'settings deny queue.* to operator',
    );
  });

  it('cannot be taken from admins', () => {
    const rules = { admin: ['*'], operator: ['*'], supervisor: ['*'], readonly: ['*'], user: ['*'] };
    expect(withRules({ role_denials: rules }).held('admin')).toContain('config.save');
  });

  it('on what is theirs come from declarations alone', () => {
    const permissions = withRules({ role_grants: { readonly: ['*'] } });
    expect(permissions.decide(actor('readonly'), 'job.cancel', 'own').allowed).toBe(false);
    expect(permissions.decide(actor('readonly'), 'job.cancel', 'any')).toEqual({
      allowed: true,
      rule: 'settings grant * to readonly',
    });
  });
});
