import { backoffMs, putOffMs } from './backoff';

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

describe('the time that a step is put off', () => {
  it('is never shorter than what it waits for is away', () => {
    expect(putOffMs(30_000, 0, 0)).toBe(30_000);
    expect(putOffMs(0, 0, 0)).toBe(1_000);
  });

  it('grows with the time that it has waited, up to two minutes', () => {
    expect([0, 60_000, 200_000, 3_600_000].map((waited) => putOffMs(0, waited, 1))).toEqual([
      2_000, 30_000, 100_000, 120_000,
    ]);
  });

  it('is spread, so that those who wait for the same do not come back together', () => {
    const waits = Array.from({ length: 200 }, () => putOffMs(30_000, 60_000));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(30_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(45_000);
    expect(new Set(waits).size).toBeGreaterThan(50);
  });
});
