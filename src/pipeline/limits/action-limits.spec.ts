import { RateLimitSettings } from '../../platform/settings/settings';
import type { Risk } from '../catalogue/action.decorator';
import { actionPolicies, actionsPerMinute } from './action-limits';

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
    expect(actionsPerMinute({ name: 'job.delete', risk: 'high' }, LIMITS)).toBe(10);
    expect(actionsPerMinute({ name: 'worker.stop_all', risk: 'critical' }, LIMITS)).toBe(5);
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
    expect(actionsPerMinute({ name, risk }, LIMITS)).toBe(perMinute);
  });

  it('are counted per user and per action', () => {
    const keys = (user: string, name: string) =>
      actionPolicies(user, { name, risk: 'standard' }, LIMITS).map((one) => one.key.join('/'));
    const mine = keys('u1', 'job.cancel');
    expect(keys('u2', 'job.cancel').filter((key) => mine.includes(key))).toEqual([]);
    expect(keys('u1', 'job.retry').filter((key) => mine.includes(key))).toEqual(mine.slice(0, 2));
  });

  it('leave room for one, however low they are set', () => {
    const low = Object.assign(new RateLimitSettings(), { actions_per_minute: 1 });
    expect(
      actionPolicies('u1', { name: 'job.cancel', risk: 'standard' }, low).map((one) => one.limit),
    ).toEqual([1, 1, 50]);
  });
});
