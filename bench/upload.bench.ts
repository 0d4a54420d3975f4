import { execFile, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Cluster } from '../test/support/cluster';
import type { HttpClient } from '../test/support/http-client';
import { forgetPeak, memoryMib } from '../test/support/memory';
import { begin, finalize } from '../test/support/uploading';
import { report } from './load';
import { CLIENT_CORE, cpuMs, median, pin } from './measure';

const MIB = 1024 * 1024;
const CHUNK = 8 * MIB;
const CHUNKS = 128;
const ROUNDS = 5;
const GIB = (CHUNKS * CHUNK) / 1024 ** 3;

const run = promisify(execFile);

/** What taking a file in came to: MiB/s, which is worth little on a busy machine, and CPU seconds of the server for a GiB. */
interface Cost {
  rate: number;
  cpu: number;
}
type Way = 'plain' | 'hash' | 'one' | 'four';

/** Sends all chunks to `url`, which lacks the index at its end. */
async function send(pid: number, url: string, connections: number, token?: string): Promise<Cost> {
  const job = JSON.stringify({ url, token, bytes: CHUNK, count: CHUNKS, connections });
  const client = join(__dirname, 'upload-client.cjs');
  const before = cpuMs(pid);
  const { stdout } = await run('taskset', ['-c', CLIENT_CORE, process.execPath, client, job]);
  return { rate: (CHUNKS * CHUNK) / MIB / Number(stdout), cpu: (cpuMs(pid) - before) / 1000 / GIB };
}

/** The same of a bare server. */
async function floor(mode: 'plain' | 'hash', folder: string): Promise<Cost> {
  const path = join(folder, 'floor.bin');
  const child = fork(join(__dirname, 'upload-floor.cjs'), [mode, path]);
  const port = await new Promise<number>((resolve) =>
    child.once('message', (port) => resolve(port as number)),
  );
  const pid = child.pid ?? 0;
  pin(pid);
  const result = await send(pid, `http://127.0.0.1:${port}/?index=`, 1);
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.disconnect();
  await gone;
  rmSync(path);
  return result;
}

/** The same of SHA-256 alone. */
function hashing(): Cost {
  const block = Buffer.alloc(CHUNK, 7);
  const [cpu, started] = [process.cpuUsage(), performance.now()];
  for (let round = 0; round < 32; round += 1) createHash('sha256').update(block).digest();
  const { user, system } = process.cpuUsage(cpu);
  const mib = (32 * CHUNK) / MIB;
  return {
    rate: mib / ((performance.now() - started) / 1000),
    cpu: ((user + system) / 1e6) * (1024 / mib),
  };
}

describe('an upload of 1 GiB in chunks of 8 MiB', () => {
  let cluster: Cluster;
  let client: HttpClient;
  let pid: number;

  beforeAll(async () => {
    cluster = await Cluster.start({ apis: 1, workers: 0, managers: 0, variables: { LOG_LEVEL: 'warn' } });
    ({ client } = await cluster.user('user'));
    pid = cluster.apis[0]?.pid ?? 0;
    pin(pid);
  }, 120_000);
  afterAll(() => cluster?.stop());

  it('comes in as fast as one core can hash and write', async () => {
    const costs: Record<Way, Cost[]> = { plain: [], hash: [], one: [], four: [] };
    const sha: Cost[] = [];
    const finalizing: number[] = [];
    const grown: Record<'one' | 'four', number[]> = { one: [], four: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const mode of ['plain', 'hash'] as const) costs[mode].push(await floor(mode, cluster.folder));
      sha.push(hashing());
      for (const [name, connections] of [
        ['one', 1],
        ['four', 4],
      ] as const) {
        const { upload_id: id } = await begin(client, CHUNKS * CHUNK, { chunk_size: CHUNK });
        const url = `${cluster.url()}/api/upload/chunk?upload_id=${id}&index=`;
        forgetPeak(pid);
        const before = memoryMib(pid, 'now');
        costs[name].push(await send(pid, url, connections, client.token));
        grown[name].push(memoryMib(pid, 'peak') - before);
        const started = performance.now();
        expect((await finalize(client, id)).data.status).toBe('finalized');
        finalizing.push((CHUNKS * CHUNK) / MIB / ((performance.now() - started) / 1000));
        rmSync(join(cluster.folder, 'home', 'blobs', 'uploads', id), { recursive: true });
      }
    }
    // What the two cost one after the other on one core: by the clock, and by the time on it.
    const bound = costs.plain.map(({ rate, cpu }, round) => ({
      rate: 1 / (1 / rate + 1 / (sha[round]?.rate ?? 0)),
      cpu: cpu + (sha[round]?.cpu ?? 0),
    }));
    const middle = (of: Cost[]) => ({
      'MiB/s': median(of.map(({ rate }) => rate)),
      'CPU s/GiB': median(of.map(({ cpu }) => cpu)),
    });
    report('written without a checksum', middle(costs.plain));
    report('written with SHA-256', middle(costs.hash));
    report('SHA-256 alone', middle(sha));
    report('composed bound of one core', middle(bound));
    for (const name of ['one', 'four'] as const) {
      const share = (of: Cost[], by: (own: Cost, other: Cost) => number) =>
        median(costs[name].map((own, round) => by(own, of[round] ?? own)));
      report(`upload, ${name} at a time`, {
        ...middle(costs[name]),
        'of the composed bound': share(bound, (own, other) => own.rate / other.rate),
        'by CPU': share(bound, (own, other) => other.cpu / own.cpu),
        'of the bare server with SHA-256 by CPU': share(costs.hash, (own, other) => other.cpu / own.cpu),
        'MiB grown': Math.max(...grown[name]),
      });
    }
    report('finalizing', { 'MiB/s': median(finalizing) });
  }, 900_000);
});
