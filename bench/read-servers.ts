import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { forkServer } from './forked';
import { CLIENT_CORE, cpuMs } from './measure';

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
  count: number;
  perS: number;
  p50: number;
  p99: number;
  statuses: Record<string, number>;
}

/** Requests after which a server's code counts as compiled; see action-servers.ts. */
const WARM_UP = Number(process.env['BENCH_WARM_UP'] ?? 10_000);

const run = promisify(execFile);

/** Starts a server of this folder on the servers' core. */
export async function startReadServer(
  file: string,
  args: readonly string[],
): Promise<{ url: string; pid: number; stop: () => void }> {
  const { port, pid, stop } = await forkServer(file, args);
  return { url: `http://127.0.0.1:${port}/`, pid, stop };
}

/** Reads for `seconds` from a process of its own, on the clients' core. */
export async function readFrom(
  server: ReadServer,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<Reads> {
  const { url, headers = {}, pid } = server;
  const job = JSON.stringify({ url, headers, connections, seconds });
  const before = cpuMs(pid);
  const client = join(__dirname, 'read-client.cjs');
  const { stdout } = await run('taskset', ['-c', CLIENT_CORE, process.execPath, client, job]);
  const spent = cpuMs(pid) - before;
  const { count, perS, p50, p99, statuses } = JSON.parse(stdout) as Result;
  const refused = Object.keys(statuses).filter((status) => status !== '200' && status !== '304');
  if (refused.length > 0) throw new Error(`${url} answered ${refused.join(', ')}`);
  return { perS, p50Ms: p50, p99Ms: p99, cpuUs: (spent * 1000) / count, count };
}

/** Reads until the server is warm. */
export async function warmUpReads(server: ReadServer): Promise<void> {
  for (let count = 0; count < WARM_UP;)
    count += (await readFrom(server, { connections: 64, seconds: 2 })).count;
}
