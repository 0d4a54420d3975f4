import { isDay, isTimeZone } from './day';

describe('a day', () => {
  it.each(['2026-01-31', '2024-02-29', '0001-01-01'])('can be %s', (day) => expect(isDay(day)).toBe(true));

  it.each([
    '2026-02-29',
    '2026-1-31',
    '2026-01-31T00:00:00Z',
    '31-01-2026',
    '',
    'today',
    20260131,
    undefined,
  ])('cannot be %j', (day) => expect(isDay(day)).toBe(false));
});

describe('a time zone', () => {
  it.each(['UTC', 'Europe/Amsterdam', 'America/Argentina/Buenos_Aires', 'Etc/GMT+3'])('can be %s', (zone) =>
    expect(isTimeZone(zone)).toBe(true),
  );

  // Postgres takes the last three, and the first two of them with the sign turned round.
  it.each(['', 'Mars/Olympus', 'Europe/Amsterdam; DROP TABLE jobs', '+03:00', 'UTC+3', 'foo3', undefined])(
    'cannot be %j',
    (zone) => expect(isTimeZone(zone)).toBe(false),
  );
});
