import { ownIdentity } from './process-identity';
import { namedProcessRuns, pidOf, processName } from './process-name';

describe('the name of a process', () => {
  it('says its pid and fits into a file name', () => {
    const name = processName({ pid: 12, start: 'Sat Nov 21 10:00:00 2026' });
    expect(name).toMatch(/^12\.[0-9a-f]+$/);
    expect(pidOf(name)).toBe(12);
  });

  it.each(['', 'x', '1', '1.2.3', '1.x', 'pids', '../1.0123456789abcdef'])('is not read from %p', (name) => {
    expect(pidOf(name)).toBeUndefined();
    expect(namedProcessRuns(name)).toBe(false);
  });

  it('tells this process from an earlier one with its pid', () => {
    expect(namedProcessRuns(processName(ownIdentity()))).toBe(true);
    expect(namedProcessRuns(processName({ ...ownIdentity(), start: 'earlier' }))).toBe(false);
  });
});
