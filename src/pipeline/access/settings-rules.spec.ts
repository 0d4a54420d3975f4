import fc from 'fast-check';
import { ROLES } from '../../platform/security/roles';
import { Settings } from '../../platform/settings/settings';
import { type GuardedAction, Permissions } from './permissions';
import { actionFaults } from './settings-rules';

const ACTIONS: GuardedAction[] = [
  { name: 'config.save', roles: [], adminOnly: true },
  { name: 'config.update_user', roles: [], adminOnly: true },
  { name: 'job.cancel', roles: ['operator'], ownScope: true },
  { name: 'queue.clear', roles: [] },
];

const faults = (part: { rate_limits?: object; access?: object }) => {
  const settings = new Settings();
  Object.assign(settings.rate_limits, part.rate_limits);
  Object.assign(settings.access, part.access);
  return actionFaults(settings, ACTIONS);
};

describe('what settings say about actions', () => {
  it('may name those that exist', () => {
    expect(
      faults({
        rate_limits: { actions: { 'job.cancel': {} } },
        access: {
          action_networks: { 'job.*': [], '*': [] },
          role_grants: { operator: ['queue.clear', 'queue.*', '*'] },
          role_denials: { user: ['job.*'] },
        },
      }),
    ).toEqual([]);
  });

  it.each([
    ['rate_limits.actions', { rate_limits: { actions: { 'job.cancle': {} } } }],
    ['access.action_networks', { access: { action_networks: { 'jobs.*': [] } } }],
    ['access.role_grants.operator', { access: { role_grants: { operator: ['queue.clean'] } } }],
    ['access.role_denials.user', { access: { role_denials: { user: ['nothing.at_all'] } } }],
    ['access.role_grants.operator', { access: { role_grants: { operator: ['config.save'] } } }],
    ['access.role_grants.readonly', { access: { role_grants: { readonly: ['config.*'] } } }],
  ])('may not name others: %s', (path, part) => {
    expect(faults(part).map((fault) => fault.path)).toEqual([`settings.${path}`]);
  });

  it('never gives anybody but admins what would give them the rest', () => {
    const patterns = fc.array(fc.constantFrom('*', 'config.*', 'config.save', 'config.update_user', 'job.*'));
    const rules = fc.record({ operator: patterns, supervisor: patterns, readonly: patterns, user: patterns });
    fc.assert(
      fc.property(rules, rules, (role_grants, role_denials) => {
        const permissions = new Permissions(ACTIONS, { role_grants, role_denials });
        for (const role of ROLES)
          expect(permissions.held(role).some((name) => name.startsWith('config.'))).toBe(role === 'admin');
      }),
    );
  });
});
