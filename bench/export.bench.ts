import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { Cluster } from '../test/support/cluster';
import { eventually } from '../test/support/eventually';
import type { HttpClient } from '../test/support/http-client';
import { forgetPeak, memoryMib } from '../test/support/memory';
import { report } from './load';
import { median, spread } from './measure';

/** EXPORT_JOBS asks for fewer, for a look. */
const JOBS = Number(process.env['EXPORT_JOBS'] ?? 1_000_000);
const ROUNDS = 5;
const COLUMNS = `id, user_id, title, status, priority, attempt, progress, error_code, error_message,
  created_at, started_at, finished_at`.replace(/\s+/g, ' ');

interface Exported {
  rows: number;
  bytes: number;
  sha256: string;
  download_url: string;
}

const run = promisify(execFile);
const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
};

describe(`an export of ${JOBS} jobs`, () => {
  let cluster: Cluster;
  let operator: HttpClient;

  beforeAll(async () => {
    cluster = await Cluster.start({ apis: 1, workers: 0, managers: 1, variables: { LOG_LEVEL: 'warn' } });
    const { user, client } = await cluster.user('operator');
    operator = client;
    await cluster.query(
      `INSERT INTO jobs (id, user_id, title, status, priority, progress, graph_version, error_code, error_message,
         created_at, started_at, finished_at)
       SELECT ('01890a5d-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, $1, 'Interview ' || i || ' of the day',
         CASE WHEN i % 12 = 0 THEN 'failed' ELSE 'completed' END, 1 + i % 10, 1, 1,
         CASE WHEN i % 12 = 0 THEN 'TOOL_FAILED' END,
         CASE WHEN i % 12 = 0 THEN 'The tool could not read the video: it has ended early.' END,
         now() - i * interval '1.234567 s', now() - i * interval '1.2 s', now() - i * interval '1.1 s'
       FROM generate_series(1, ${JOBS}) i`,
      [user.id],
    );
    await cluster.query('VACUUM ANALYZE jobs');
  }, 900_000);
  afterAll(() => cluster?.stop());

  /** Has Postgres' own client write the same columns of all jobs to nowhere. */
  const copy = () =>
    run('psql', [cluster.environment['DATABASE_URL'] ?? '', '-qc', `\\copy (SELECT ${COLUMNS} FROM jobs) TO '/dev/null' (FORMAT csv)`]); // prettier-ignore

  async function exported(format: string): Promise<Exported> {
    const { body } = await operator.action('job.export', { filter: {}, format });
    return eventually(
      async () => {
        const [row] = await cluster.query<{ status: string; result: Exported }>(
          'SELECT status, result FROM executions WHERE id = $1',
          [body.execution_id],
        );
        expect(row?.status).toBe('succeeded');
        return row?.result as Exported;
      },
      { timeoutMs: 120_000 },
    );
  }

  const urlOf = (file: Exported): string => file.download_url.replace(/^https?:\/\/[^/]+/, cluster.url());
  /** To nowhere, as psql does it, and by a client that is written in C, too: one in Node takes more CPU than the server. */
  async function download(file: Exported): Promise<void> {
    const { stdout } = await run('curl', ['-sSf', '-o', '/dev/null', '-w', '%{size_download}', urlOf(file)]);
    expect(Number(stdout)).toBe(file.bytes);
  }
  async function verify(file: Exported): Promise<void> {
    const [response] = (await once(get(urlOf(file)), 'response')) as [IncomingMessage];
    const hash = createHash('sha256');
    for await (const piece of response) hash.update(piece as Buffer);
    expect(hash.digest('hex')).toBe(file.sha256);
  }

  it.each(['csv', 'ndjson'])('as %s', async (format) => {
    const figures = { copy: [] as number[], export: [] as number[], download: [] as number[], memory: [] as number[] };
    const pid = cluster.managers[0]?.pid ?? 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      figures.copy.push(await timed(copy));
      const idle = memoryMib(pid, 'now');
      forgetPeak(pid);
      let file: Exported | undefined;
      figures.export.push(await timed(async () => (file = await exported(format))));
      figures.memory.push(memoryMib(pid, 'peak') - idle);
      expect(file?.rows).toBe(JOBS);
      figures.download.push(await timed(() => download(file as Exported)));
      if (round === 0) await verify(file as Exported);
    }
    const share = (others: (round: number) => number) => figures.copy.map((copied, round) => copied / others(round));
    report(`export of ${JOBS} jobs as ${format}`, {
      'rows/s': spread(figures.export.map((seconds) => JOBS / seconds)),
      'rows/s of psql \\copy': spread(figures.copy.map((seconds) => JOBS / seconds)),
      'of \\copy': spread(share((round) => figures.export[round] ?? 0)),
      'of \\copy with its download': spread(share((round) => (figures.export[round] ?? 0) + (figures.download[round] ?? 0))),
      'seconds of the download': median(figures.download),
      'peak MiB over idle': spread(figures.memory),
    });
  }, 900_000); // prettier-ignore
});
