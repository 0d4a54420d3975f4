import { type Attempt, verdictOf } from '../history';
import type { Case } from './cases';

/** Says what is wrong with a case; undefined if nothing is. */
export type OrderRule = (c: Case) => string | undefined;

const successes = ({ attempts }: Case): Attempt[] =>
  attempts.filter((attempt) => verdictOf(attempt) === 'success');
const refusals = ({ attempts }: Case): Attempt[] =>
  attempts.filter((attempt) => verdictOf(attempt) === 'refusal');
const outcomes = ({ trails }: Case): string[] =>
  trails.flatMap(({ entries }) => entries.filter(({ phase }) => phase === 'outcome')).map((e) => e.outcome);

/** How often each of the wanted effects happened. */
function counts({ order, effects }: Case): { name: string; count: number }[] {
  return order.effects.map(({ what, target }) => ({
    name: `${what} ${target}`,
    count: effects.filter((effect) => effect.what === what && effect.target === target).length,
  }));
}

/** Whether somebody may rely on it: it was answered as done, or was accepted and is on record as done. */
function isPromised(c: Case): boolean {
  return successes(c).some(({ status }) => status !== 202 || outcomes(c).includes('succeeded'));
}

/** What must hold for each order, by the name that a violation gets. */
export const ORDER_RULES: Readonly<Record<string, OrderRule>> = {
  'an effect was doubled': (c) => list(counts(c).filter(({ count }) => count > 1)),

  'a success was lost': (c) =>
    isPromised(c) ? list(counts(c).filter(({ count }) => count === 0)) : undefined,

  'an effect was refused': (c) =>
    c.effects.length > 0 && successes(c).length === 0 && !outcomes(c).includes('unknown')
      ? codes(refusals(c))
      : undefined,

  'answers of success differ': (c) => {
    // What was asked for without a key was done anew each time.
    const bodies = new Set(c.order.keyed ? successes(c).map(({ body }) => body) : []);
    return bodies.size > 1 ? `${bodies.size} different ones` : undefined;
  },

  'success and refusal contradict each other': (c) =>
    successes(c).length > 0 ? codes(refusals(c)) : undefined,

  'an answer was not to be expected': (c) =>
    c.order.kind === 'denial' && successes(c).length > 0
      ? 'it was let through'
      : codes(refusals(c).filter(({ code }) => !c.order.refusals.includes(code ?? ''))),

  'a client never got an answer': ({ order, attempts }) =>
    order.closedAt === null ? `${attempts.length} attempts` : undefined,

  'an effect came before its intent': ({ trails, effects }) => {
    const intents = trails.flatMap(({ entries }) => entries.filter(({ phase }) => phase === 'intent'));
    const first = Math.min(...intents.map(({ at }) => at));
    return effects.some(({ at }) => at < first) ? `intents: ${intents.length}` : undefined;
  },

  'an effect has no outcome that says so': (c) =>
    c.effects.length > 0 && !outcomes(c).some((outcome) => outcome === 'succeeded' || outcome === 'unknown')
      ? `outcomes: ${outcomes(c).join(', ')}`
      : undefined,

  'a success is not on record': (c) =>
    successes(c).some(({ status }) => status !== 202) && !outcomes(c).includes('succeeded')
      ? `outcomes: ${outcomes(c).join(', ')}`
      : undefined,

  'success is on record twice': (c) => {
    const done = outcomes(c).filter((outcome) => outcome === 'succeeded');
    return c.order.keyed && done.length > 1 ? `${done.length} times` : undefined;
  },

  'an intent has no outcome': ({ trails }) => {
    const open = trails.filter(({ entries }) => {
      const of = (phase: string) => entries.filter((entry) => entry.phase === phase).length;
      return entries.at(-1)?.phase !== 'outcome' || of('intent') > of('outcome');
    });
    return open.length > 0 ? open.map(({ executionId }) => executionId).join(', ') : undefined;
  },
};

function list(items: readonly { name: string; count: number }[]): string | undefined {
  return items.length > 0 ? items.map(({ name, count }) => `${name}: ${count} times`).join(', ') : undefined;
}

function codes(attempts: readonly Attempt[]): string | undefined {
  if (attempts.length === 0) return undefined;
  return [...new Set(attempts.map(({ status, code }) => `${status} ${code}`))].join(', ');
}
