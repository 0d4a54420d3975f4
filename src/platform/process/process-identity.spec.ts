import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { identify, isAlive, ownIdentity, startTicks } from './process-identity';

describe('process identity', () => {
  it('reads the start time even when the command holds spaces and parentheses', () => {
    const fields = Array.from({ length: 49 }, (_, index) => `${index + 4}`).join(' ');
    expect(startTicks(`17 (evil) name (x) S ${fields}`)).toBe('22');
  });

  it('knows its own process, and none that does not exist', () => {
    expect(isAlive(ownIdentity())).toBe(true);
    for (const pid of [0, -1, 1.5, Number.NaN, 2 ** 30]) expect(identify(pid)).toBeUndefined();
  });

  it('takes another process with the same id for another one', () => {
    expect(isAlive({ ...ownIdentity(), start: 'earlier' })).toBe(false);
  });

  it('sees that a process has ended', async () => {
    const child = spawn('sleep', ['60']);
    const identity = identify(child.pid ?? 0);
    expect(identity && isAlive(identity)).toBe(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(identity && isAlive(identity)).toBe(false);
  });
});
