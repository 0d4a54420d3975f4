import type { LimitKind } from '../../platform/settings/limit.settings';
import { RateLimitSettings } from '../../platform/settings/settings';
import type { Risk } from '../catalogue/action.decorator';
import { actionPolicies, limitOfAction } from './action-limits';

const LIMITS = new RateLimitSettings();
const summary = (name: string, risk: Risk) =>
  actionPolicies('u1', { name, risk }, LIMITS).map(
    (one) => `${one.name} ${one.kind} ${one.limit}/${one.windowS}s`,
  );

describe('the limits of an action', () => {
  it('are the minute, the burst and its own', () => {
    expect(summary('job.cancel', 'standard')).toEqual([
      'actions sliding 50/60s',
      'burst bucket 16/10s',
      'job.cancel sliding 50/60s',
    ]);
  });

  it('go by its risk', () => {
    expect(limitOfAction({ name: 'job.delete', risk: 'high' }, LIMITS).limit).toBe(10);
    expect(limitOfAction({ name: 'worker.stop_all', risk: 'critical' }, LIMITS).limit).toBe(5);
  });

  it('do not count reads against the minute of what changes something', () => {
    expect(summary('logs.refresh', 'read')).toEqual(['logs.refresh sliding 500/60s', 'burst bucket 166/10s']);
  });

  it.each<[string, Risk, number]>([
    ['system.clear_cache', 'high', 5],
    ['system.abort_operation', 'standard', 5],
    ['system.backup', 'high', 5],
    ['system.health_check', 'read', 500],
  ])('of %s are those of system actions', (name, risk, perMinute) => {
    expect(limitOfAction({ name, risk }, LIMITS).limit).toBe(perMinute);
  });

  it('are counted per user and per action', () => {
    const keys = (user: string, name: string) =>
      actionPolicies(user, { name, risk: 'standard' }, LIMITS).map((one) => one.key.join('/'));
    const mine = keys('u1', 'job.cancel');
    expect(keys('u2', 'job.cancel').filter((key) => mine.includes(key))).toEqual([]);
    expect(keys('u1', 'job.retry').filter((key) => mine.includes(key))).toEqual(mine.slice(0, 2));
  });

  const settings = (over: object) => Object.assign(new RateLimitSettings(), over);
  const kinds = (over: Partial<Record<string, LimitKind>>) =>
    settings({ kinds: { ...LIMITS.kinds, ...over } });

  it.each<[string, Risk, string, number]>([
    ['job.cancel', 'standard', 'risk_standard', 2],
    ['job.delete', 'high', 'risk_high', 2],
    ['worker.stop_all', 'critical', 'risk_critical', 2],
    ['system.backup', 'high', 'system', 2],
    ['logs.refresh', 'read', 'risk_read', 0],
    ['job.cancel', 'standard', 'actions', 0],
    ['job.cancel', 'standard', 'burst', 1],
  ])('of %s (%s) count as settings say for %s', (name, risk, rule, index) => {
    const policies = actionPolicies('u1', { name, risk }, kinds({ [rule]: 'fixed' }));
    expect(policies.map(({ kind }) => kind === 'fixed')).toEqual(policies.map((_, i) => i === index));
  });

  it('give way to those that settings have for one action', () => {
    const own = settings({ actions: { 'job.cancel': { limit: 7, window_s: 3, kind: 'bucket' } } });
    expect(limitOfAction({ name: 'job.cancel', risk: 'standard' }, own)).toEqual({
      limit: 7,
      windowS: 3,
      kind: 'bucket',
    });
    expect(limitOfAction({ name: 'job.retry', risk: 'standard' }, own).limit).toBe(50);
    expect(limitOfAction({ name: 'toString', risk: 'standard' }, own).limit).toBe(50);
  });

  it('charge a bulk action for what it touches, and everything else for one', () => {
    const [total, , own, items] = actionPolicies(
      'u1',
      { name: 'job.bulk_cancel', risk: 'high' },
      LIMITS,
      500,
    );
    expect([total?.cost, own?.cost]).toEqual([undefined, undefined]);
    expect(items).toMatchObject({
      name: 'items',
      cost: 500,
      limit: 500_000,
      windowS: 60,
      key: ['items', 'u1'],
    });
    expect(actionPolicies('u1', { name: 'job.cancel', risk: 'standard' }, LIMITS)).toHaveLength(3);
  });

  it('leave room for one, however low they are set', () => {
    const low = Object.assign(new RateLimitSettings(), { actions_per_minute: 1 });
    expect(
      actionPolicies('u1', { name: 'job.cancel', risk: 'standard' }, low).map((one) => one.limit),
    ).toEqual([1, 1, 50]);
  });
});
