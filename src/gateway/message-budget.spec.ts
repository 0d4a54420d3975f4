import { MessageBudget } from './message-budget';

describe('MessageBudget', () => {
  const take = (budget: MessageBudget, count: number, now: number) =>
    Array.from({ length: count }, () => budget.take(now));

  it('admits a burst, refuses what is over, and calls the same again a flood', () => {
    const budget = new MessageBudget();
    const now = performance.now();
    expect(new Set(take(budget, 200, now))).toEqual(new Set(['ok']));
    expect(new Set(take(budget, 199, now))).toEqual(new Set(['over']));
    expect(budget.take(now)).toBe('flood');
  });

  it('admits 50 per second for ever', () => {
    const budget = new MessageBudget();
    const start = performance.now();
    for (let second = 0; second < 60; second++)
      expect(new Set(take(budget, 50, start + second * 1_000))).toEqual(new Set(['ok']));
  });
});
