import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { Variables } from '../env';

/** Forks a process that runs operations (runner-process.ts), whose claims last so long; it sends a message when it is up. */
export function forkRunner(variables: Variables, leaseS: number): ChildProcess {
  return fork(join(__dirname, 'runner-process.ts'), [String(leaseS)], {
    execArgv: ['-r', join(__dirname, '../../runtime/register.js')],
    env: { PATH: process.env['PATH'], ...variables },
  });
}
