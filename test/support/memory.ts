import { readFileSync, writeFileSync } from 'node:fs';

/** The memory of a process in MiB: now, or the most since {@link forgetPeak} or its start. */
export function memoryMib(pid: number, what: 'now' | 'peak'): number {
  const name = what === 'now' ? 'VmRSS' : 'VmHWM';
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? Number.NaN) / 1024;
}

/** Sets the peak of a process of this user back to what it has now. */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}
