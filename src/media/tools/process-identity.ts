import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** A process, told from a later one that got the same pid by its start time. */
export interface ProcessIdentity {
  pid: number;
  /** Opaque: clock ticks since boot on Linux, seconds since 1970 elsewhere. */
  start: string;
}

/** The start time in the text of `/proc/<pid>/stat`, whose second field may itself hold spaces and brackets. */
export function startTimeFromStat(stat: string): string | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A zombie has ended, whatever its entry says.
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

/** The start time of a running process, or undefined if there is none (or it is a zombie). */
export function startTimeOf(pid: number): string | undefined {
  if (process.platform === 'linux') {
    try {
      return startTimeFromStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    } catch {
      return undefined; // no such process
    }
  }
  try {
    const text = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
    const seconds = Date.parse(text.trim()) / 1000;
    return Number.isFinite(seconds) ? String(seconds) : undefined;
  } catch {
    return undefined; // ps answers 1 for an unknown pid
  }
}

/**
 * Whether a process group has a member that runs. Zombies do not: how soon they are reaped is up to their parent,
 * and in a container that may be never.
 */
export function groupRuns(group: number): boolean {
  try {
    process.kill(-group, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
  if (process.platform !== 'linux') return true;
  return readdirSync('/proc').some((name) => /^\d+$/.test(name) && runsInGroup(name, group));
}

function runsInGroup(pid: string, group: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, , pgrp] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(pgrp) === group && state !== 'Z' && state !== 'X';
  } catch {
    return false; // it ended while we looked
  }
}

let own: ProcessIdentity | undefined;

/** This process. */
export function ownIdentity(): ProcessIdentity {
  own ??= { pid: process.pid, start: startTimeOf(process.pid) ?? '0' };
  return own;
}

/** Whether that very process still runs. */
export function isAlive({ pid, start }: ProcessIdentity): boolean {
  return startTimeOf(pid) === start;
}

/** As a part of a file name: `<pid>.<start>`. */
export function identityName({ pid, start }: ProcessIdentity): string {
  return `${pid}.${start}`;
}

/** Reads what {@link identityName} wrote; undefined for any other name. */
export function parseIdentity(name: string): ProcessIdentity | undefined {
  const match = /^(\d{1,10})\.(\d{1,20})$/.exec(name);
  return match?.[1] && match[2] ? { pid: Number(match[1]), start: match[2] } : undefined;
}
