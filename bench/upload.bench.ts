import { execFile, execFileSync, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Cluster } from '../test/support/cluster';
import type { HttpClient } from '../test/support/http-client';
import { memoryMib } from '../test/support/memory';
import { begin, finalize } from '../test/support/uploading';
import { report } from './load';

const MIB = 1024 * 1024;
const CHUNK = 8 * MIB;
const CHUNKS = 128;
const ROUNDS = 5;
/** The server has the first core and the client the second, so that neither takes from the other. */
const [SERVER_CORE, CLIENT_CORE] = ['0', '1'];

const run = promisify(execFile);

/** MiB/s of sending all chunks to `url`, which lacks the index at its end. */
async function rate(url: string, connections: number, token?: string): Promise<number> {
  const job = JSON.stringify({ url, token, bytes: CHUNK, count: CHUNKS, connections });
  const client = join(__dirname, 'upload-client.cjs');
  const { stdout } = await run('taskset', ['-c', CLIENT_CORE, process.execPath, client, job]);
  return (CHUNKS * CHUNK) / MIB / Number(stdout);
}

/** MiB/s of a bare server. */
async function floor(mode: 'plain' | 'hash', folder: string): Promise<number> {
  const path = join(folder, 'floor.bin');
  const child = fork(join(__dirname, 'upload-floor.cjs'), [mode, path]);
  const port = await new Promise<number>((resolve) =>
    child.once('message', (port) => resolve(port as number)),
  );
  pin(child.pid ?? 0);
  const result = await rate(`http://127.0.0.1:${port}/?index=`, 1);
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.disconnect();
  await gone;
  rmSync(path);
  return result;
}

/** MiB/s of SHA-256 alone. */
function hashing(): number {
  const block = Buffer.alloc(CHUNK, 7);
  const started = performance.now();
  for (let round = 0; round < 32; round += 1) createHash('sha256').update(block).digest();
  return (32 * CHUNK) / MIB / ((performance.now() - started) / 1000);
}

function pin(pid: number): void {
  execFileSync('taskset', ['-acp', SERVER_CORE, String(pid)], { stdio: 'ignore' });
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
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
    const figures: Record<'plain' | 'hash' | 'sha' | 'one' | 'four' | 'finalize', number[]> = {
      plain: [],
      hash: [],
      sha: [],
      one: [],
      four: [],
      finalize: [],
    };
    const before = memoryMib(pid, 'peak');
    for (let round = 0; round < ROUNDS; round += 1) {
      figures.plain.push(await floor('plain', cluster.folder));
      figures.hash.push(await floor('hash', cluster.folder));
      figures.sha.push(hashing());
      for (const [name, connections] of [
        ['one', 1],
        ['four', 4],
      ] as const) {
        const { upload_id: id } = await begin(client, CHUNKS * CHUNK, { chunk_size: CHUNK });
        const url = `${cluster.url()}/api/upload/chunk?upload_id=${id}&index=`;
        figures[name].push(await rate(url, connections, client.token));
        const started = performance.now();
        expect((await finalize(client, id)).data.status).toBe('finalized');
        figures.finalize.push((CHUNKS * CHUNK) / MIB / ((performance.now() - started) / 1000));
        rmSync(join(cluster.folder, 'home', 'blobs', 'uploads', id), { recursive: true });
      }
    }
    const bound = figures.plain.map((plain, round) => 1 / (1 / plain + 1 / (figures.sha[round] ?? 0)));
    const share = (name: 'one' | 'four', of: number[]) =>
      median(figures[name].map((value, round) => value / (of[round] ?? 0)));
    report('floors, MiB/s', {
      'written without a checksum': median(figures.plain),
      'written with SHA-256': median(figures.hash),
      'SHA-256 alone': median(figures.sha),
      'composed bound of one core': median(bound),
    });
    for (const name of ['one', 'four'] as const) {
      report(`upload, ${name} at a time`, {
        'MiB/s': median(figures[name]),
        'of the composed bound': share(name, bound),
        'of the bare server with SHA-256': share(name, figures.hash),
      });
    }
    report('finalizing and memory', {
      'MiB/s': median(figures.finalize),
      'peak MiB': memoryMib(pid, 'peak'),
      'over idle': memoryMib(pid, 'peak') - before,
    });
  }, 900_000);
});
