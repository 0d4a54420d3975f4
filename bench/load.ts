import { execFile, type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** What a run of requests came to: per second, and the time of one in milliseconds. */
export interface Load {
  requestsPerS: number;
  p50Ms: number;
  p99Ms: number;
  failed: number;
}

interface AutocannonResult {
  requests: { average: number };
  latency: { p50: number; p99: number };
  non2xx: number;
  errors: number;
}

/** Sends requests with `connections` at a time for `seconds`, from a process of its own. */
export async function load(
  url: string,
  options: { connections: number; seconds: number; headers?: Record<string, string>; body?: string },
): Promise<Load> {
  const args = ['-j', '-c', String(options.connections), '-d', String(options.seconds)];
  for (const [name, value] of Object.entries(options.headers ?? {})) args.push('-H', `${name}=${value}`);
  if (options.body !== undefined) args.push('-m', 'POST', '-b', options.body);
  const program = require.resolve('autocannon/autocannon.js');
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, [program, ...args, url], { maxBuffer: 10_000_000 });
  const result = JSON.parse(stdout) as AutocannonResult;
  return {
    requestsPerS: result.requests.average,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    failed: result.non2xx + result.errors,
  };
}

/**
 * The least that a machine needs for an answer of `bytes` bytes: node's own HTTP server with a ready buffer.
 * Figures of the product are given as a share of it, because those of a machine mean nothing on another.
 */
export async function startFloor(bytes: number): Promise<{ url: string; stop: () => void }> {
  const child: ChildProcess = fork(join(__dirname, 'floor.cjs'), [String(bytes)], { stdio: 'inherit' });
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve(message as number));
    child.once('exit', () => reject(new Error('the floor server did not start')));
  });
  return { url: `http://127.0.0.1:${port}/`, stop: () => child.kill() };
}

/** Prints one line of a report. */
export function report(name: string, figures: Record<string, number | string>): void {
  const text = Object.entries(figures).map(
    ([key, value]) => `${key} ${typeof value === 'number' ? round(value) : value}`,
  );
  process.stderr.write(`${name}: ${text.join(', ')}\n`);
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
