import { BackOff } from './back-off';

describe('BackOff', () => {
  const options = { firstMs: 100, maxMs: 500, healthyMs: 1_000, maxShortLives: 5 };

  it('doubles the wait up to the longest, then gives up', () => {
    const backOff = new BackOff(options);
    expect(Array.from({ length: 6 }, () => backOff.next(10))).toEqual([100, 200, 400, 500, 500, undefined]);
  });

  it('never gives up on a process that lives a healthy while between its ends', () => {
    const backOff = new BackOff(options);
    expect(Array.from({ length: 20 }, () => backOff.next(1_000))).toEqual(Array(20).fill(100));
  });

  it('starts over after a reset', () => {
    const backOff = new BackOff(options);
    for (let life = 0; life < 6; life++) backOff.next(0);
    backOff.reset();
    expect(backOff.next(0)).toBe(100);
  });
});
