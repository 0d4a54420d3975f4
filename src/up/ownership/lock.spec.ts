import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LockHeld, takeLock } from './lock';
import { ownIdentity } from '../../platform/process/process-identity';

describe('takeLock', () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lock-'));
    path = join(folder, 'run', 'launcher.lock');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is held by one at a time and free once given back', () => {
    const release = takeLock(path);
    expect(() => takeLock(path)).toThrow(LockHeld);
    release();
    expect(existsSync(path)).toBe(false);
    takeLock(path)();
  });

  it.each([
    ['whose process is gone', JSON.stringify({ pid: 2 ** 30, start: 'x' })],
    [
      'whose process id belongs to another process now',
      JSON.stringify({ ...ownIdentity(), start: 'earlier' }),
    ],
    ['that a full disk left empty', ''],
  ])('takes over a lock %s', (_, content) => {
    takeLock(path)();
    writeFileSync(path, content);
    const release = takeLock(path);
    expect(() => takeLock(path)).toThrow(LockHeld);
    release();
  });

  it('takes over although another take-over was killed half-way', () => {
    takeLock(path)();
    writeFileSync(path, JSON.stringify({ pid: 2 ** 30, start: 'x' }));
    writeFileSync(`${path}.takeover`, JSON.stringify({ pid: 2 ** 30, start: 'x' }));
    takeLock(path);
    expect(existsSync(`${path}.takeover`)).toBe(false);
  });
});
