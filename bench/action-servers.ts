import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { forkServer } from './forked';
import { CLIENT_CORE, cpuMs, familyCpuMs } from './measure';

/** What is measured: something that answers POST /api/admin/action. */
export interface ActionServer {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  /** Of those who ask, one for each connection in turn. */
  readonly tokens: readonly string[];
  /** The processes of Postgres and Redis behind it. */
  readonly behind?: readonly number[];
}

/** What a run of requests came to; times in milliseconds. */
export interface ActionLoad {
  readonly count: number;
  readonly perS: number;
  readonly p50: number;
  readonly p99: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** The beginning of one answer of each status. */
  readonly sample: Readonly<Record<string, string>>;
  /** On-CPU time of the server's process per request, in microseconds. */
  readonly cpuUs: number;
  /** That of the servers behind it, with their children. */
  readonly behindUs: number;
}

/**
 * Requests after which a server's code counts as compiled. One that has answered a few thousand still spends a
 * quarter of its time on that, and runs the rest slowly meanwhile: a small one is through with it long before.
 */
const WARM_UP = Number(process.env['BENCH_WARM_UP'] ?? 10_000);

const run = promisify(execFile);
let runs = 0;

/** Posts `bodies` in turn for `seconds` from a process of its own, `connections` at a time. */
export async function loadActions(
  server: ActionServer,
  options: { bodies: readonly object[]; connections: number; seconds: number; replay?: boolean },
): Promise<ActionLoad> {
  const job = {
    url: server.url,
    tokens: server.tokens,
    bodies: options.bodies.map((body) => JSON.stringify(body)),
    connections: options.connections,
    seconds: options.seconds,
    replay: options.replay === true,
    keys: `bench-${process.pid}-${runs++}`,
  };
  const client = join(__dirname, 'action-client.cjs');
  const spent = () => ({
    own: cpuMs(server.pid),
    behind: (server.behind ?? []).reduce((sum, pid) => sum + familyCpuMs(pid), 0),
  });
  const before = spent();
  const { stdout } = await run('taskset', ['-c', CLIENT_CORE, process.execPath, client, JSON.stringify(job)]);
  const after = spent();
  const result = JSON.parse(stdout) as Omit<ActionLoad, 'cpuUs' | 'behindUs'>;
  const perRequest = (ms: number) => (ms * 1000) / result.count;
  return {
    ...result,
    cpuUs: perRequest(after.own - before.own),
    behindUs: perRequest(after.behind - before.behind),
  };
}

/** Posts `bodies` in turn until the server is warm. */
export async function warmUp(server: ActionServer, bodies: readonly object[]): Promise<void> {
  for (let count = 0; count < WARM_UP;)
    count += (await loadActions(server, { bodies, connections: 64, seconds: 2 })).count;
}

/** Starts a server of this folder on the servers' core; the answer's `stop` ends it. */
export async function startServer(
  name: string,
  file: string,
  args: readonly string[],
): Promise<ActionServer & { stop: () => void }> {
  const { port, pid, stop } = await forkServer(file, args);
  return { name, url: `http://127.0.0.1:${port}/api/admin/action`, pid, tokens: [], stop };
}
