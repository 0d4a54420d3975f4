import { matcherOf } from './log-filter';

describe('matcherOf', () => {
  const line = { level: 'warn', source: 'flow', event: 'job.failed', message: 'The Disk is full' };

  it.each([
    [{}, true],
    [{ level: 'trace' }, true],
    [{ level: 'warn' }, true],
    [{ level: 'error' }, false],
    [{ source: 'flow' }, true],
    [{ source: 'flo' }, false],
    [{ q: 'disk IS' }, true],
    [{ q: 'JOB.' }, true],
    [{ q: 'tape' }, false],
    [{ level: 'info', source: 'flow', q: 'full' }, true],
    [{ level: 'info', source: 'breaker', q: 'full' }, false],
  ] as const)('%j: %s', (filter, passes) => {
    expect(matcherOf(filter)(line)).toBe(passes);
  });
});
