import type { RateLimitSettings } from '../../platform/settings/settings';
import type { ActionDeclaration } from '../catalogue/action.decorator';
import type { LimitPolicy } from './rate-limiter';

const MINUTE_S = 60;
/** A burst may be twice the rate over this long, in seconds. */
const BURST_S = 10;
const BURST_FACTOR = 2;
/** The one action of system.* that is not limited as such: monitoring asks for it. */
const UNLIMITED_SYSTEM_ACTION = 'system.health_check';

/** What limits depend on. */
export type LimitedAction = Pick<ActionDeclaration, 'name' | 'risk'>;

/** How often a user may run one action in a minute. */
export function actionsPerMinute(action: LimitedAction, limits: RateLimitSettings): number {
  const byRisk = {
    read: limits.risk_read_per_minute,
    standard: limits.risk_standard_per_minute,
    high: limits.risk_high_per_minute,
    critical: limits.risk_critical_per_minute,
  }[action.risk];
  const isSystem = action.name.startsWith('system.') && action.name !== UNLIMITED_SYSTEM_ACTION;
  return isSystem ? Math.min(byRisk, limits.system_per_minute) : byRisk;
}

/**
 * The limits that a user's run of an action counts against: the minute's total over all that changes
 * something, with a bucket for bursts, and the action's own. Reads change nothing and would have no use of
 * their higher limit under the total; they have a bucket of their own instead.
 */
export function actionPolicies(
  userId: string,
  action: LimitedAction,
  limits: RateLimitSettings,
): LimitPolicy[] {
  const own: LimitPolicy = {
    name: action.name,
    kind: 'sliding',
    key: ['action', userId, action.name],
    limit: actionsPerMinute(action, limits),
    windowS: MINUTE_S,
  };
  if (action.risk === 'read') return [own, burst(['burst-read', userId, action.name], own.limit)];
  const total: LimitPolicy = {
    name: 'actions',
    kind: 'sliding',
    key: ['actions', userId],
    limit: limits.actions_per_minute,
    windowS: MINUTE_S,
  };
  return [total, burst(['burst', userId], total.limit), own];
}

function burst(key: string[], perMinute: number): LimitPolicy {
  const limit = Math.max(1, Math.floor((perMinute * BURST_FACTOR * BURST_S) / MINUTE_S));
  return { name: 'burst', kind: 'bucket', key, limit, windowS: BURST_S };
}
