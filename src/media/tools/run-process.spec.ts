import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PidFiles } from './leftovers';
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

describe('a tool', () => {
  let folder: string;
  let pids: PidFiles;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'run-process-'));
    pids = new PidFiles(join(folder, 'pids'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const sh = (script: string, more: { wallMs?: number; onStdoutLine?: (line: string) => void } = {}) =>
    runProcess(
      {
        command: ['/bin/sh', '-c', script],
        cwd: folder,
        signal: new AbortController().signal,
        limits: { cpuS: 60, fileBytes: 1e6, memoryBytes: 1e9 },
        wallMs: 60_000,
        ...more,
      },
      { limits: false, noNetwork: false, parentDeath: true },
      pids,
    );

  it('has ended when it did, though it left something in another process group that keeps its pipes', async () => {
    const lines: string[] = [];
    const exit = await sh(
      `setsid sh -c 'echo $$ > left; exec sleep 60' & until [ -s left ]; do sleep 0.01; done; cat left; exit 3`,
      { onStdoutLine: (line) => lines.push(line) },
    );
    const left = Number(lines[0]);
    try {
      expect(exit.code).toBe(3);
      expect(groupRuns(left)).toBe(true);
    } finally {
      process.kill(-left, 'SIGKILL');
    }
  });

  it('that may take longer than a timer can wait is not stopped at once', async () => {
    expect(await sh('sleep 0.2', { wallMs: 2 ** 32 })).toMatchObject({ code: 0, signal: null });
  });

  it('is recorded in a folder that was cleared away while no tool ran', async () => {
    rmSync(join(folder, 'pids'), { recursive: true });
    expect(await sh('exit 0')).toMatchObject({ code: 0 });
  });
});
