import { ReadLimit } from './read-limit';

describe('ReadLimit', () => {
  it('admits as many reads as the limit per minute and user', () => {
    const limit = new ReadLimit();
    const verdicts = Array.from({ length: 5 }, () => limit.take('a', 3, 1_000));
    expect(verdicts.map((verdict) => verdict.admitted)).toEqual([true, true, true, false, false]);
    expect(verdicts.map((verdict) => verdict.remaining)).toEqual([2, 1, 0, 0, 0]);
    expect(limit.take('b', 3, 1_000).admitted).toBe(true);
    expect(limit.take('a', 3, 31_000)).toMatchObject({ admitted: false, resetS: 30 });
    expect(limit.take('a', 3, 61_000)).toMatchObject({ admitted: true, remaining: 2 });
  });

  it('lets nobody wait for longer, or read more, because the clock of the day was set', () => {
    jest.useFakeTimers();
    try {
      const limit = new ReadLimit();
      limit.take('a', 1);
      for (const step of [-3_600_000, 7_200_000]) {
        jest.setSystemTime(Date.now() + step);
        expect(limit.take('a', 1)).toMatchObject({ admitted: false, resetS: 60 });
      }
      jest.advanceTimersByTime(60_000);
      expect(limit.take('a', 1).admitted).toBe(true);
    } finally {
      jest.useRealTimers();
    }
  });

  it('takes a changed limit over at once', () => {
    const limit = new ReadLimit();
    limit.take('a', 1, 0);
    expect(limit.take('a', 1, 0).admitted).toBe(false);
    expect(limit.take('a', 5, 0).admitted).toBe(true);
  });

  it('keeps a bounded number of users', () => {
    const limit = new ReadLimit(10);
    for (let user = 0; user < 1_000; user++) limit.take(String(user), 3, 0);
    expect(limit['windows'].size).toBeLessThanOrEqual(10);
  });
});
