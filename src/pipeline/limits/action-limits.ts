import type { LimitKind } from '../../platform/settings/limit.settings';
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

/** How often a user may run one action, and how that is counted. */
export function limitOfAction(
  action: LimitedAction,
  limits: RateLimitSettings,
): Pick<LimitPolicy, 'kind' | 'limit' | 'windowS'> {
  const own = Object.hasOwn(limits.actions, action.name) ? limits.actions[action.name] : undefined;
  if (own) return { kind: own.kind, limit: own.limit, windowS: own.window_s };
  const byRisk = limits[`risk_${action.risk}_per_minute`];
  const isSystem = action.name.startsWith('system.') && action.name !== UNLIMITED_SYSTEM_ACTION;
  if (isSystem && limits.system_per_minute < byRisk)
    return { kind: limits.kinds.system, limit: limits.system_per_minute, windowS: MINUTE_S };
  return { kind: limits.kinds[`risk_${action.risk}`], limit: byRisk, windowS: MINUTE_S };
}

/**
 * The limits that a user's run of an action counts against: the minute's total over all that changes
 * something, with a bucket for bursts, and the action's own. Reads change nothing and would have no use of
 * their higher limit under the total; they have a bucket of their own instead.
 *
 * @param items what a bulk action touches; undefined for all others
 */
export function actionPolicies(
  userId: string,
  action: LimitedAction,
  limits: RateLimitSettings,
  items?: number,
): LimitPolicy[] {
  const own: LimitPolicy = {
    name: action.name,
    key: ['action', userId, action.name],
    ...limitOfAction(action, limits),
  };
  const burst = (key: string[], perMinute: number) => burstPolicy(key, perMinute, limits.kinds.burst);
  const bulk = items === undefined ? [] : [itemsPolicy(userId, items, limits)];
  if (action.risk === 'read') {
    const perMinute = Math.max(limits.risk_read_per_minute, (own.limit * MINUTE_S) / own.windowS);
    return [own, burst(['burst-read', userId, action.name], perMinute), ...bulk];
  }
  const total: LimitPolicy = {
    name: 'actions',
    kind: limits.kinds.actions,
    key: ['actions', userId],
    limit: limits.actions_per_minute,
    windowS: MINUTE_S,
  };
  return [total, burst(['burst', userId], total.limit), own, ...bulk];
}

function burstPolicy(key: string[], perMinute: number, kind: LimitKind): LimitPolicy {
  const limit = Math.max(1, Math.floor((perMinute * BURST_FACTOR * BURST_S) / MINUTE_S));
  return { name: 'burst', kind, key, limit, windowS: BURST_S };
}

/** A run over many items must not count like one over a single item, or limits would mean nothing. */
function itemsPolicy(userId: string, items: number, limits: RateLimitSettings): LimitPolicy {
  return {
    name: 'items',
    kind: limits.kinds.items,
    key: ['items', userId],
    limit: limits.bulk_items_per_minute,
    windowS: MINUTE_S,
    cost: items,
  };
}
