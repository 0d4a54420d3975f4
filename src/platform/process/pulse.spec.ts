import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pulse } from './pulse';

describe('Pulse', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pulse-'));
  const pulseFile = join(folder, 'pulse');
  const now = jest.spyOn(performance, 'now');

  afterAll(() => {
    now.mockRestore();
    rmSync(folder, { recursive: true });
  });

  it('forgets its predecessor, and writes once a second at most', async () => {
    writeFileSync(pulseFile, 'of a process before');
    const pulse = new Pulse({ pulseFile });
    await pulse.onModuleInit();
    expect(() => readFileSync(pulseFile)).toThrow('ENOENT');
    now.mockReturnValue(5_000);
    await pulse.beat();
    expect(Date.parse(readFileSync(pulseFile, 'utf8').trim())).not.toBeNaN();
    writeFileSync(pulseFile, 'untouched');
    now.mockReturnValue(5_999);
    await pulse.beat();
    expect(readFileSync(pulseFile, 'utf8')).toBe('untouched');
    now.mockReturnValue(6_000);
    await pulse.beat();
    expect(Date.parse(readFileSync(pulseFile, 'utf8').trim())).not.toBeNaN();
  });

  it('goes on where there is no such file to be had, and none is wanted', async () => {
    const lost = new Pulse({ pulseFile: join(folder, 'missing', 'pulse') });
    await lost.onModuleInit();
    await expect(lost.beat()).resolves.toBeUndefined();
    const none = new Pulse({ pulseFile: undefined });
    await none.onModuleInit();
    await expect(none.beat()).resolves.toBeUndefined();
  });
});
