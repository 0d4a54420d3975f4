import { tmpdir } from 'node:os';
import type { PidFiles } from './leftovers';
import { groupRuns } from './process-group';
import { runProcess } from './run-process';

describe('a tool that cannot be recorded', () => {
  it('is gone, with all its children, when that is told', async () => {
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    let pid = 0;
    const pids = {
      add: (started: number) => {
        pid = started;
        throw full;
      },
    } as unknown as PidFiles;
    const running = runProcess(
      {
        command: ['/bin/sh', '-c', "trap '' TERM; sleep 60 & sleep 60"],
        cwd: tmpdir(),
        signal: new AbortController().signal,
        limits: { cpuS: 60, fileBytes: 1e6, memoryBytes: 1e9 },
        wallMs: 60_000,
      },
      { limits: false, noNetwork: false, parentDeath: false },
      pids,
    );
    try {
      await expect(running).rejects.toBe(full);
      expect(pid).toBeGreaterThan(0);
      expect(groupRuns(pid)).toBe(false);
    } finally {
      if (groupRuns(pid)) process.kill(-pid, 'SIGKILL');
    }
  });
});
