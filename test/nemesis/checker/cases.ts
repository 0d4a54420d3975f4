import type { AuditEntry, Evidence } from '../evidence';
import type { Attempt, Effect, Order } from '../history';

/** What the audit says about one execution, in the order of seq. */
export interface Trail {
  executionId: string;
  entries: AuditEntry[];
}

/** An order with all that belongs to it. */
export interface Case {
  order: Order;
  attempts: Attempt[];
  /** By the trace ids of the attempts. */
  trails: Trail[];
  effects: Effect[];
}

/** The cases of a run, and what belongs to none. */
export interface Cases {
  cases: Case[];
  strayEffects: Effect[];
}

/** Puts together what belongs together. Executions are found by trace id, so that their own table is not asked. */
export function casesOf(evidence: Evidence): Cases {
  const cases = new Map<string, Case>();
  for (const order of evidence.orders) cases.set(order.key, { order, attempts: [], trails: [], effects: [] });
  const keyOfTrace = new Map<string, string>();
  for (const attempt of evidence.attempts) {
    cases.get(attempt.key)?.attempts.push(attempt);
    keyOfTrace.set(attempt.trace, attempt.key);
  }
  const keyOfExecution = new Map<string, string>();
  for (const trail of trailsOf(evidence.audit)) {
    const key = keyOfTrace.get(trail.entries[0]?.trace_id ?? '');
    if (key === undefined) continue;
    cases.get(key)?.trails.push(trail);
    keyOfExecution.set(trail.executionId, key);
  }
  return { cases: [...cases.values()], strayEffects: attribute(evidence, cases, keyOfExecution) };
}

function trailsOf(audit: readonly AuditEntry[]): Trail[] {
  const trails = new Map<string, Trail>();
  for (const entry of audit) {
    if (entry.execution_id === null) continue;
    const trail = trails.get(entry.execution_id) ?? { executionId: entry.execution_id, entries: [] };
    trails.set(entry.execution_id, trail);
    trail.entries.push(entry);
  }
  return [...trails.values()];
}

/** Gives each effect to the order that asked for it. @returns those that nobody asked for, at least not then */
function attribute(
  { effects, orders }: Evidence,
  cases: ReadonlyMap<string, Case>,
  keyOfExecution: ReadonlyMap<string, string>,
): Effect[] {
  const wanted = new Map<string, Order[]>();
  for (const order of orders)
    for (const { what, target } of order.effects) {
      const name = `${what} ${target}`;
      wanted.set(name, [...(wanted.get(name) ?? []), order]);
    }
  const stray: Effect[] = [];
  for (const effect of effects) {
    const target =
      effect.what === 'exported' ? (keyOfExecution.get(effect.target) ?? effect.target) : effect.target;
    const candidates = wanted.get(`${effect.what} ${target}`) ?? [];
    // Where several orders want the same, one after the other, the one of that time is meant.
    const order = candidates.length === 1 ? candidates[0] : candidates.find((one) => isDuring(one, effect));
    if (order) cases.get(order.key)?.effects.push({ ...effect, target });
    else stray.push(effect);
  }
  return stray;
}

function isDuring({ openedAt, closedAt }: Order, { at }: Effect): boolean {
  // A millisecond more: the clients' clock is read in whole ones.
  return at >= openedAt && at <= (closedAt ?? Number.POSITIVE_INFINITY) + 1;
}
