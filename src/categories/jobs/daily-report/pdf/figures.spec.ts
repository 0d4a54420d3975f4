import { bytes, change, duration, percent } from './figures';

describe('a figure', () => {
  it.each([
    [duration(null), '–'],
    [duration(0), '0.0 s'],
    [duration(59.94), '59.9 s'],
    [duration(3_599), '59 min 59 s'],
    [duration(7_260), '2 h 1 min'],
    [bytes(0), '0 B'],
    [bytes(1_536), '1.5 KiB'],
    [bytes(3 * 2 ** 40), '3.0 TiB'],
    [percent(1, 3), '33.3 %'],
    [percent(0, 0), '–'],
    [change(110, 100), '+10 %'],
    [change(95, 100), '−5.0 %'],
    [change(1, 0), 'none before'],
    [change(0, 0), 'unchanged'],
    [change(null, 3), '–'],
  ])('is written %s', (written, wanted) => {
    expect(written).toBe(wanted);
  });
});
