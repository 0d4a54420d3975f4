import { identityName, isAlive, ownIdentity, parseIdentity, startTimeFromStat } from './process-identity';

describe('startTimeFromStat', () => {
  const fields = 'S 1 42 42 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 987654 1000 10';

  it('finds it behind a name with spaces and brackets', () => {
    expect(startTimeFromStat(`42 (a (b) c) ${fields}`)).toBe('987654');
  });

  it('takes a zombie for ended', () => {
    expect(startTimeFromStat(`42 (x) ${fields.replace('S', 'Z')}`)).toBeUndefined();
  });
});

describe('an identity', () => {
  it('survives being a file name', () => {
    expect(parseIdentity(identityName({ pid: 12, start: '345' }))).toEqual({ pid: 12, start: '345' });
  });

  it.each(['', 'x', '1', '1.2.3', '1.x', 'pids', '../1.2'])('is not read from %p', (name) => {
    expect(parseIdentity(name)).toBeUndefined();
  });

  it('tells this process from an earlier one with its pid', () => {
    expect(isAlive(ownIdentity())).toBe(true);
    expect(isAlive({ ...ownIdentity(), start: '1' })).toBe(false);
  });
});
