import { activeJobs, seedOptions } from './options';

const now = new Date('2026-01-31T12:00:00Z');

describe('the options of npm run seed', () => {
  it('has the numbers of the documentation by default', () => {
    expect(seedOptions([], now)).toEqual({
      jobs: 25,
      events: 100,
      days: 30,
      seed: 1,
      until: now,
      clean: false,
    });
  });

  it('reads them all', () => {
    const argv = '--jobs 1000000 --events 0 --days 7 --seed 9 --until 2025-12-31T00:00:00Z --clean'.split(
      ' ',
    );
    const until = new Date('2025-12-31T00:00:00Z');
    expect(seedOptions(argv, now)).toEqual({
      jobs: 1_000_000,
      events: 0,
      days: 7,
      seed: 9,
      until,
      clean: true,
    });
  });

  it.each([['--jobs=-1'], ['--jobs=many'], ['--days=0'], ['--until=yesterday'], ['--nonsense'], ['25']])(
    'refuses %s with a sentence',
    (argument) => expect(() => seedOptions([argument], now)).toThrow(/must be|Usage/),
  );

  it('leaves a few jobs under way, however many there are', () => {
    expect(activeJobs(25)).toEqual({ queued: 2, processing: 1 });
    expect(activeJobs(1_000_000)).toEqual({ queued: 200, processing: 20 });
    expect(activeJobs(1)).toEqual({ queued: 0, processing: 0 });
  });
});
