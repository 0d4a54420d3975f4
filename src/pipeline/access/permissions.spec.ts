import { ROLES, type Role } from '../../platform/security/roles';
import { Permissions } from './permissions';

const PERMISSIONS = new Permissions([
  { name: 'job.cancel', roles: ['operator', 'supervisor'], ownScope: true },
  { name: 'job.export', roles: ['operator', 'supervisor', 'readonly'] },
  { name: 'queue.pause', roles: ['operator'] },
  { name: 'queue.clear', roles: [] },
  { name: 'system.stop', roles: ['operator'], anyoneOnOwn: true },
]);

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

const actor = (role: string) => ({
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

  it.each(['', 'ADMIN', 'admin ', 'root', '__proto__'])(
    'of a role that does not exist (%j) are none',
    (role) => {
      for (const action of ACTIONS) {
        expect(PERMISSIONS.decide(actor(role), action, 'any').allowed).toBe(false);
        expect(PERMISSIONS.decide(actor(role), action, 'own').allowed).toBe(false);
      }
    },
  );

  it('say by which rule they decide', () => {
    expect(PERMISSIONS.decide(actor('operator'), 'queue.pause', 'any').rule).toBe(
      'operator holds queue.pause',
    );
    expect(PERMISSIONS.decide(actor('readonly'), 'queue.pause', 'any').rule).toBe(
      'readonly does not hold queue.pause',
    );
  });
});
