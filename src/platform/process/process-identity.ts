import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * Which process is meant, for good: a process id alone may belong to another process by now. `start` is the
 * kernel's start time, with the boot that it counts from.
 */
export interface ProcessIdentity {
  pid: number;
  start: string;
}

/** The start time out of a line of /proc/PID/stat (field 22, in ticks since boot); undefined if it has none. */
export function startTicks(stat: string): string | undefined {
  // The command (field 2) stands in parentheses and may itself hold spaces and parentheses.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

/** The identity of the process that has this id now; undefined if there is none. A zombie counts as none. */
export function identify(pid: number): ProcessIdentity | undefined {
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  const start = process.platform === 'linux' ? linuxStart(pid) : portableStart(pid);
  return start === undefined ? undefined : { pid, start };
}

/** Whether this very process still runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.start === identity.start;
}

/** The identity of the process that calls this. */
export function ownIdentity(): ProcessIdentity {
  const own = identify(process.pid);
  if (!own) throw new Error('the start time of the own process cannot be read');
  return own;
}

let bootId: string | undefined;

function linuxStart(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  if (stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z')) return undefined;
  // Ticks count from the boot, so the same pid and ticks can come again after one.
  bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return `${bootId}:${startTicks(stat) ?? ''}`;
}

function portableStart(pid: number): string | undefined {
  try {
    const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C' };
    const args = ['-o', 'lstart=', '-p', String(pid)];
    return execFileSync('ps', args, { encoding: 'utf8', env, stdio: 'pipe' }).trim() || undefined;
  } catch {
    return undefined;
  }
}
