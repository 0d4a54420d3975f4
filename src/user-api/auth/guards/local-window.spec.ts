import { LocalWindow } from './local-window';

describe('a window that is counted in the process', () => {
  it('admits as many as the limit, and again after it has ended', () => {
    const window = new LocalWindow(60_000);
    expect([0, 1, 2].map((i) => window.take('a', 2, i * 1_000))).toEqual([0, 0, 58_000]);
    expect(window.take('b', 2, 2_000)).toBe(0);
    expect(window.take('a', 2, 60_000)).toBe(0);
  });

  it('ends after its time, whatever the clock of the day says meanwhile', () => {
    jest.useFakeTimers();
    try {
      const window = new LocalWindow(60_000);
      window.take('a', 1);
      jest.setSystemTime(Date.now() - 3_600_000);
      expect(window.take('a', 1)).toBe(60_000);
      jest.setSystemTime(Date.now() + 7_200_000);
      expect(window.take('a', 1)).toBe(60_000);
      jest.advanceTimersByTime(60_000);
      expect(window.take('a', 1)).toBe(0);
    } finally {
      jest.useRealTimers();
    }
  });

  it('takes no more memory than it may', () => {
    const window = new LocalWindow(60_000, 100);
    for (let i = 0; i < 10_000; i++) window.take(`key${i}`, 1, 0);
    expect(window.take('key9999', 1, 0)).toBeGreaterThan(0);
  });
});
