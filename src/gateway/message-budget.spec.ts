import { BURST, MessageBudget } from './message-budget';
import { MAX_TOPICS } from './topics';

describe('MessageBudget', () => {
  const take = (budget: MessageBudget, count: number, now: number) =>
    Array.from({ length: count }, () => budget.take(now));

  it('admits a burst, refuses what is over, and calls the same again a flood', () => {
    const budget = new MessageBudget();
    const now = performance.now();
    expect(new Set(take(budget, BURST, now))).toEqual(new Set(['ok']));
    expect(new Set(take(budget, BURST - 1, now))).toEqual(new Set(['over']));
    expect(budget.take(now)).toBe('flood');
  });

  it('admits a sign-in and a subscription of every topic that may be followed', () => {
    expect(new Set(take(new MessageBudget(), 1 + MAX_TOPICS, performance.now()))).toEqual(new Set(['ok']));
  });

  it('admits 50 per second for ever', () => {
    const budget = new MessageBudget();
    const start = performance.now();
    for (let second = 0; second < 60; second++)
      expect(new Set(take(budget, 50, start + second * 1_000))).toEqual(new Set(['ok']));
  });
});
