import { type ChildProcess, execFile, fork } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CLIENT_CORE, cpuMs, pin } from './measure';

/** Something that answers GET with a document. */
export interface ReadServer {
  readonly url: string;
  readonly pid: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a run of reads came to. */
export interface Reads {
  readonly perS: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** On-CPU time of the server per request, in microseconds. */
  readonly cpuUs: number;
  readonly count: number;
}

interface Result {
  requests: { average: number; total: number };
  latency: { p50: number; p99: number };
  '1xx': number;
  '4xx': number;
  '5xx': number;
  errors: number;
}

const run = promisify(execFile);

/** Starts a server of this folder on the server's core. */
export async function startReadServer(
  file: string,
  args: readonly string[],
): Promise<{ url: string; pid: number; stop: () => void }> {
  const child: ChildProcess = fork(join(__dirname, file), args, { stdio: 'inherit' });
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve(message as number));
    child.once('exit', () => reject(new Error(`${file} did not start`)));
  });
  const pid = child.pid ?? 0;
  pin(pid);
  return { url: `http://127.0.0.1:${port}/`, pid, stop: () => child.disconnect() };
}

/** Reads for `seconds` from a process of its own, on the clients' core. */
export async function readFrom(
  server: ReadServer,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<Reads> {
  const program = require.resolve('autocannon/autocannon.js');
  const args = ['-j', '-c', String(connections), '-d', String(seconds)];
  for (const [name, value] of Object.entries(server.headers ?? {})) args.push('-H', `${name}=${value}`);
  const before = cpuMs(server.pid);
  const { stdout } = await run(
    'taskset',
    ['-c', CLIENT_CORE, process.execPath, program, ...args, server.url],
    { maxBuffer: 10_000_000 },
  );
  const spent = cpuMs(server.pid) - before;
  const { requests, latency, errors, ...statuses } = JSON.parse(stdout) as Result;
  if (errors + statuses['4xx'] + statuses['5xx'] > 0) throw new Error(`${server.url} refused reads`);
  return {
    perS: requests.average,
    p50Ms: latency.p50,
    p99Ms: latency.p99,
    cpuUs: (spent * 1000) / requests.total,
    count: requests.total,
  };
}
