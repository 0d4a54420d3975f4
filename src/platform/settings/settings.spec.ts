import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { fieldErrors, namedField } from '../errors/field-errors';
import { Settings } from './settings';

const read = (plain: object) => plainToInstance(Settings, plain, { exposeDefaultValues: true });
const faults = (plain: object) =>
  fieldErrors(validateSync(read(plain), { whitelist: true, forbidNonWhitelisted: true }), namedField);

describe('the settings', () => {
  it('are valid as they come', () => {
    expect(faults({})).toEqual([]);
    expect(faults(JSON.parse(JSON.stringify(new Settings())) as object)).toEqual([]);
  });

  it('give an action limit what it leaves out', () => {
    const { actions } = read({ rate_limits: { actions: { 'job.cancel': { limit: 5 } } } }).rate_limits;
    expect(actions['job.cancel']).toEqual({ limit: 5, window_s: 60, kind: 'sliding' });
  });

  it('may have networks, grants and denials', () => {
    const access = {
      action_networks: { 'system.*': ['10.0.0.0/8', '::1'], '*': ['192.0.2.0/24'] },
      role_grants: { operator: ['job.*', 'queue.clear'] },
      role_denials: { user: ['job.cancel'], readonly: ['*'] },
    };
    expect(faults({ access })).toEqual([]);
  });

  it.each<[string, object, string]>([
    ['a broken network', { access: { action_networks: { '*': ['10.0.0.0/33'] } } }, 'access.action_networks'],
    [
      'a network that says too little',
      { access: { action_networks: { '*': ['10.0.0.1/0'] } } },
      'access.action_networks',
    ],
    ['no network', { access: { action_networks: { 'job.*': [] } } }, 'access.action_networks'],
    [
      'a text for a list',
      { access: { action_networks: { 'job.*': '10.0.0.0/8' } } },
      'access.action_networks',
    ],
    ['no pattern', { access: { action_networks: { 'job*': ['::1'] } } }, 'access.action_networks'],
    ['a list for a record', { access: { action_networks: [['*', ['::1']]] } }, 'access.action_networks'],
    [
      'a prototype for a pattern',
      { access: { action_networks: JSON.parse('{"__proto__.x":["::1"]}') as object } },
      'access.action_networks',
    ],
    ['admins that are cut off', { access: { role_denials: { admin: ['*'] } } }, 'access.role_denials.admin'],
    [
      'users on the admin side',
      { access: { role_grants: { user: ['job.cancel'] } } },
      'access.role_grants.user',
    ],
    ['a role that does not exist', { access: { role_grants: { root: ['*'] } } }, 'access.role_grants.root'],
    [
      'a grant that is no pattern',
      { access: { role_grants: { operator: ['*.cancel'] } } },
      'access.role_grants.operator',
    ],
    ['a kind that does not exist', { rate_limits: { kinds: { user: 'leaky' } } }, 'rate_limits.kinds.user'],
    [
      'an action limit without a limit',
      { rate_limits: { actions: { 'job.cancel': {} } } },
      'rate_limits.actions',
    ],
    [
      'an action limit with more',
      { rate_limits: { actions: { 'job.cancel': { limit: 1, burst: 2 } } } },
      'rate_limits.actions',
    ],
    ['a limit of a pattern', { rate_limits: { actions: { 'job.*': { limit: 1 } } } }, 'rate_limits.actions'],
    ['a dotted path', { 'rate_limits.user_per_minute': 5 }, 'rate_limits.user_per_minute'],
  ])('may not have %s', (_what, plain, path) => {
    expect(new Set(faults(plain).map((fault) => fault.path))).toEqual(new Set([path]));
  });
});
