import { spawn } from 'node:child_process';
import { StartCancelled } from '../problem';

/** As whom, where and for how long a command runs; times in milliseconds. */
export interface RunOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  uid?: number;
  gid?: number;
  signal?: AbortSignal;
  timeoutMs?: number;
}

/** How a command ended. */
export interface RunResult {
  /** The exit code; -1 if it could not be started or was killed. */
  code: number;
  /** Both outputs as they came, at most the last 64 KiB. */
  output: string;
}

const MAX_OUTPUT = 64 * 1024;

/**
 * Runs a program to its end, by argument list (no shell).
 *
 * @throws StartCancelled if the signal is aborted; any other failure is in the result
 */
export function run(command: string, args: string[], options: RunOptions = {}): Promise<RunResult> {
  const { signal, timeoutMs = 600_000, ...rest } = options;
  return new Promise((resolve, reject) => {
    let output = '';
    const child = spawn(command, args, {
      ...rest,
      signal,
      timeout: timeoutMs,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const add = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-MAX_OUTPUT));
    child.stdout.on('data', add);
    child.stderr.on('data', add);
    const end = (code: number) => {
      if (signal?.aborted) reject(new StartCancelled());
      else resolve({ code, output });
    };
    child.once('error', (error) => {
      output += error.message;
      end(-1);
    });
    child.once('close', (code) => end(code ?? -1));
  });
}
