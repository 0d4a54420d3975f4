import { backoffMs } from './backoff';

describe('the back-off', () => {
  it('doubles from failure to failure, up to two minutes', () => {
    expect([1, 2, 3, 7, 30].map((failures) => backoffMs(failures, 1))).toEqual([
      2_000, 4_000, 8_000, 120_000, 120_000,
    ]);
  });

  it('is spread over the upper half, so that what failed together does not come back together', () => {
    expect(backoffMs(1, 0)).toBe(1_000);
    const waits = Array.from({ length: 200 }, () => backoffMs(3));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(4_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(8_000);
    expect(new Set(waits).size).toBeGreaterThan(50);
  });
});
