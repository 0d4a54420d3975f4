import type { Evidence } from '../evidence';
import { type Case, casesOf } from './cases';
import { ORDER_RULES } from './order-rules';
import type { Violation } from './violation';
import { WHOLE_RULES } from './whole-rules';

/** What the checker came to. */
export interface Findings {
  violations: Violation[];
  /** The cases that violations name. */
  failing: Case[];
}

/** Looks for everything that must not be. */
export function check(evidence: Evidence): Findings {
  const all = casesOf(evidence);
  const violations: Violation[] = [];
  for (const one of all.cases)
    for (const [rule, holds] of Object.entries(ORDER_RULES)) {
      const detail = holds(one);
      if (detail !== undefined) violations.push({ rule, key: one.order.key, detail });
    }
  for (const [rule, holds] of Object.entries(WHOLE_RULES))
    for (const detail of holds(evidence, all)) violations.push({ rule, key: null, detail });
  const named = new Set(violations.map(({ key }) => key));
  return { violations, failing: all.cases.filter(({ order }) => named.has(order.key)) };
}
