import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { identify, ownIdentity } from '../../platform/process/process-identity';
import { namedProcessRuns, pidOf, processName } from '../../platform/process/process-name';

/**
 * Remembers the running tools of this process in a folder: one empty file per tool, whose name holds owner and tool.
 * Synchronous on purpose: no moment in which a tool runs unrecorded, as far as this process can help it.
 */
export class PidFiles {
  constructor(private readonly dir: string) {
    this.makeDir();
  }

  /** Records a tool that was just started. @returns a function that forgets it */
  add(pid: number): () => void {
    const tool = identify(pid) ?? { pid, start: 'ended before it could be looked at' };
    const file = join(this.dir, `${processName(ownIdentity())}-${processName(tool)}`);
    // Among temporary files, a folder that is empty for days is cleared away.
    this.makeDir();
    writeFileSync(file, '', { mode: 0o600 });
    return () => rmSync(file, { force: true });
  }

  private makeDir(): void {
    mkdirSync(this.dir, { recursive: true, mode: 0o700 });
  }
}

/**
 * A private, empty folder for one step, under a folder that belongs to this process.
 * `workDir` must not be shared between hosts or containers: owners are told apart by pid and start time.
 */
export async function makeStepDir(workDir: string): Promise<string> {
  const root = join(workDir, processName(ownIdentity()));
  await mkdir(root, { recursive: true, mode: 0o700 });
  return mkdtemp(join(root, 'step-'));
}

async function list(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function killGroup(pid: number): void {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // gone already is what we want
    }
  }
}

/**
 * Ends the tools and removes the work folders of workers that died without cleaning up. Called when a worker starts.
 * What belongs to a living process, whichever, is left alone.
 */
export async function cleanLeftovers(
  workDir: string,
  pidDir: string,
): Promise<{ killed: number; removedDirs: number }> {
  let killed = 0;
  let removedDirs = 0;
  for (const name of await list(pidDir)) {
    const [owner = '', tool = ''] = name.split('-');
    const pid = pidOf(tool);
    if (pidOf(owner) === undefined || pid === undefined || namedProcessRuns(owner)) continue;
    if (namedProcessRuns(tool)) {
      killGroup(pid);
      killed += 1;
    }
    await rm(join(pidDir, name), { force: true });
  }
  for (const name of await list(workDir)) {
    if (pidOf(name) === undefined || namedProcessRuns(name)) continue;
    await rm(join(workDir, name), { recursive: true, force: true });
    removedDirs += 1;
  }
  return { killed, removedDirs };
}
