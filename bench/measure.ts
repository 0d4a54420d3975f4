import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** The server has the first core and whoever asks it the second, so that neither takes from the other. */
export const [SERVER_CORE, CLIENT_CORE] = ['0', '1'] as const;

/** Keeps a process with all of its threads on a core. */
export function pin(pid: number, core: string = SERVER_CORE): void {
  execFileSync('taskset', ['-acp', core, String(pid)], { stdio: 'ignore' });
}

/** The time that a process has been on a CPU, all of its threads together, in milliseconds. */
export function cpuMs(pid: number): number {
  let ns = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    } catch {
      continue; // the thread ended meanwhile
    }
  }
  return ns / 1e6;
}

/** The same of a process and its children, those that have ended included. */
export function familyCpuMs(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  return [pid, ...children.map(Number)].reduce((sum, one) => sum + cpuMsIfThere(one), endedChildrenMs(pid));
}

/** proc_pid_stat(5): cutime and cstime, in hundredths of a second; what follows the name begins with field 3. */
function endedChildrenMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

function cpuMsIfThere(pid: number): number {
  try {
    return cpuMs(pid);
  } catch {
    return 0; // it ended meanwhile
  }
}

/** The value in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** The value that the given share of all do not exceed. */
export function quantile(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? Number.NaN;
}

/** The median, and in brackets the least and the most. */
export function spread(values: readonly number[]): string {
  return `${figure(median(values))} [${figure(Math.min(...values))}..${figure(Math.max(...values))}]`;
}

/** The median, and in brackets the quartiles: of many short rounds, the least and the most say what else the machine did. */
export function quartiles(values: readonly number[]): string {
  return `${figure(median(values))} [${figure(quantile(values, 0.25))}..${figure(quantile(values, 0.75))}]`;
}

/** A number with as many digits as mean something. */
export function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
