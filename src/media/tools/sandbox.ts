import { spawnSync } from 'node:child_process';
import type { LoggerLike } from './logger-like';

/** Limits of one tool process. */
export interface ProcessLimits {
  /** Seconds of CPU time, over all threads. */
  cpuS: number;
  /** Bytes of the largest file that it may write. */
  fileBytes: number;
  /** Bytes of address space. */
  memoryBytes: number;
}

/** What this host offers to fence a tool in. */
export interface Sandbox {
  /** `prlimit`: memory, CPU time, open files, file size, no core dumps. */
  limits: boolean;
  /** `unshare -rn`: no network at all. */
  noNetwork: boolean;
  /** `setpriv --pdeathsig`: the kernel ends the tool when this process dies. Else a watcher shell does. */
  parentDeath: boolean;
}

/** `PATH` of tools: fixed, so that a tool's environment holds nothing of ours. */
export const TOOL_ENV = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin',
  LANG: 'C.UTF-8',
} as const;

const NETWORK = ['unshare', '-rn', '--'];
const PARENT_DEATH = ['setpriv', '--no-new-privs', '--pdeathsig', 'KILL', '--'];
const LIMITS = ['prlimit', '--core=0', '--nofile=64', '--'];

function works(prefix: readonly string[]): boolean {
  const [file = '', ...args] = [...prefix, 'true'];
  return spawnSync(file, args, { env: TOOL_ENV, stdio: 'ignore', timeout: 5000 }).status === 0;
}

/** Tries what this host can do; says once, at warn, what it cannot. */
export function detectSandbox(log: LoggerLike): Sandbox {
  const sandbox = {
    limits: works(LIMITS),
    noNetwork: works(NETWORK),
    parentDeath: works(PARENT_DEATH),
  };
  if (!sandbox.limits)
    log.warn('prlimit is not available: media tools run without limits of memory and CPU time.');
  if (!sandbox.noNetwork)
    log.warn('unshare is not available: media tools are kept off the network by their own options only.');
  return sandbox;
}

/** The watcher reads fd 3, whose other end we hold: when we die, it ends, and so does the tool. */
const WATCHER = '"$@" 3<&- & c=$!; (cat <&3 >/dev/null 2>&1; kill -9 $c) >/dev/null 2>&1 & wait $c';

/**
 * Wraps a command in what the sandbox offers.
 * Order matters: entering a user namespace clears the parent-death signal, so that one is set after it.
 */
export function wrapCommand(
  sandbox: Sandbox,
  limits: ProcessLimits,
  command: readonly string[],
): { file: string; args: string[]; watcher: boolean } {
  const prefix = [
    ...(sandbox.noNetwork ? NETWORK : []),
    ...(sandbox.parentDeath ? PARENT_DEATH : []),
    ...(sandbox.limits
      ? [
          'prlimit',
          `--as=${Math.ceil(limits.memoryBytes)}`,
          `--cpu=${Math.ceil(limits.cpuS)}`,
          `--fsize=${Math.ceil(limits.fileBytes)}`,
          '--nofile=64',
          '--core=0',
          '--',
        ]
      : []),
  ];
  const all = [...(sandbox.parentDeath ? [] : ['sh', '-c', WATCHER, 'sh']), ...prefix, ...command];
  const [file = '', ...args] = all;
  return { file, args, watcher: !sandbox.parentDeath };
}
