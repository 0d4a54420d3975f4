import { bucketsOf } from './buckets';

const now = new Date('2026-01-31T12:34:56.789Z');
const shown = (period: '24h' | '7d' | '30d') =>
  bucketsOf(period, now).map(({ from, until }) => `${from.toISOString()}/${until.toISOString()}`);

describe('the buckets of a period', () => {
  it('are full hours up to now', () => {
    const hours = shown('24h');
    expect(hours).toHaveLength(24);
    expect(hours[0]).toBe('2026-01-30T13:00:00.000Z/2026-01-30T14:00:00.000Z');
    expect(hours[23]).toBe('2026-01-31T12:00:00.000Z/2026-01-31T12:34:56.789Z');
  });

  it.each([
    ['7d' as const, 7, '2026-01-25T00:00:00.000Z/2026-01-26T00:00:00.000Z'],
    ['30d' as const, 30, '2026-01-02T00:00:00.000Z/2026-01-03T00:00:00.000Z'],
  ])('are days of UTC for %s', (period, count, first) => {
    const days = shown(period);
    expect(days).toHaveLength(count);
    expect(days[0]).toBe(first);
    expect(days.at(-1)).toBe('2026-01-31T00:00:00.000Z/2026-01-31T12:34:56.789Z');
  });

  it('leave no gap', () => {
    const parts = bucketsOf('30d', now);
    for (const [i, part] of parts.slice(1).entries()) expect(part.from).toEqual(parts[i]?.until);
  });
});
