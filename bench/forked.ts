import { fork } from 'node:child_process';
import { join } from 'node:path';
import { pin } from './measure';

/** A server in a process of its own. */
export interface Forked {
  readonly port: number;
  readonly pid: number;
  readonly stop: () => void;
}

/** Starts a server of this folder on the servers' core; it tells the port that it listens on. */
export async function forkServer(file: string, args: readonly string[]): Promise<Forked> {
  const child = fork(join(__dirname, file), args, {
    execArgv: file.endsWith('.ts') ? ['-r', '@swc-node/register'] : [],
    env: { ...process.env, NODE_ENV: 'production' },
  });
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve(message as number));
    child.once('exit', () => reject(new Error(`${file} did not start`)));
  });
  const pid = child.pid ?? 0;
  pin(pid);
  return { port, pid, stop: () => child.disconnect() };
}
