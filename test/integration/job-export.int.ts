import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { v7 as uuidv7 } from 'uuid';
import type { JobExportOrder } from '../../src/categories/jobs/job-export-sql';
import { JobExporter } from '../../src/categories/jobs/job-exporter';
import type { ActionContext } from '../../src/pipeline/catalogue/action-command';
import { NO_CHECKPOINT } from '../../src/pipeline/catalogue/checkpoint';
import { type Cell, harmlessCell } from '../../src/pipeline/exports/export-format';
import { ExportsModule } from '../../src/pipeline/exports/exports.module';
import { ExportWriter } from '../../src/pipeline/exports/export-writer';
import { Db } from '../../src/platform/postgres/db';
import { BlobStore } from '../../src/platform/storage/blob-store';
import { bootModules, type TestApp } from '../support/app';
import { eventually } from '../support/eventually';
import { makeUser } from '../support/users';

/** The cells of RFC 4180: rows end with CRLF and nothing else, quoted cells hold anything. */
function parseCsv(text: string): (string | undefined)[][] {
  const rows: string[][] = [];
  const row = /((?:"(?:[^"]|"")*"|[^",\r\n]*)(?:,(?:"(?:[^"]|"")*"|[^",\r\n]*))*)\r\n/y;
  while (row.lastIndex < text.length) {
    const at = row.lastIndex;
    const match = row.exec(text);
    if (!match) throw new Error(`No row of CSV at ${at}: ${JSON.stringify(text.slice(at, at + 80))}`);
    const cells = match[1]?.match(/"(?:[^"]|"")*"(?=,|$)|(?<=^|,)[^",]*(?=,|$)/g) ?? [];
    rows.push(cells.map((cell) => (cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell)));
  }
  return rows;
}

const WRITTEN = ['=1+1', '+1', '-1', '-1.5', '@x', '\t=x', '\r=x', '\u00a0=x', '\uff1dx', '=HYPERLINK("a","b")', '"=1"', 'a\n=1',
  '\\.', '\\n', 'ünï "q", x', '\u{1f600}', '', '~x', 'Zz', '{}', ' x', '\u200b@x', '١', '-١'] as const; // prettier-ignore

describe('the export of jobs', () => {
  let test: TestApp;
  let exporter: JobExporter;
  let userId: string;
  let titles: string[];

  beforeAll(async () => {
    test = await bootModules([ExportsModule]);
    exporter = new JobExporter(test.get(Db), test.get(ExportWriter));
    ({ id: userId } = await makeUser(test.database));
    const seed = Date.now();
    process.stderr.write(`titles of seed ${seed}\n`);
    const storable = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => !text.includes('\0'));
    const spaced = fc
      .tuple(fc.constantFrom(...'\t\n\v\f\r\u0085\u00a0\u2003\u3000\ufeff '), fc.constantFrom(...'=+-@x1\uff0b'), storable)
      .map((parts) => parts.join('')); // prettier-ignore
    titles = [...WRITTEN, ...fc.sample(fc.oneof(storable, spaced), { seed, numRuns: 300 })];
    for (const [n, title] of titles.entries()) await addJob(title, n === 0 ? 'failed' : 'completed');
  });
  afterAll(() => test?.close());

  async function addJob(title: string, status: string): Promise<void> {
    const id = uuidv7();
    await test.database.query(
      `INSERT INTO jobs (id, user_id, title, status, graph_version, progress, error_message, created_at, started_at)
       VALUES ($1, $2, $3, $4, 1, 0.25, $5, '2026-01-02T03:04:05.678Z', '2026-01-02T03:04:06Z')`,
      [id, userId, title, status, status === 'failed' ? '=x' : null],
    );
    if (status === 'failed')
      for (const [position, agent] of ['inspector', 'transcoder'].entries())
        await test.database.query(
          `INSERT INTO steps (id, job_id, agent, position, status) VALUES ($1, $2, $3, $4, 'failed')`,
          [uuidv7(), id, agent, 9 - position],
        );
  }

  const context = (signal = new AbortController().signal, progress: ActionContext['progress'] = () => {}) =>
    ({
      executionId: uuidv7(),
      actor: { userId },
      signal,
      progress,
      checkpoint: NO_CHECKPOINT,
    }) as unknown as ActionContext;

  async function exported(order: Partial<JobExportOrder>): Promise<{ text: string; rows: number }> {
    const whole: JobExportOrder = { filter: {}, format: 'csv', includeSteps: false, ...order };
    const file = await exporter.export(whole, context());
    const [artifact] = await test.database.query<{ storage_key: string; size_bytes: number; sha256: string }>(
      'SELECT storage_key, size_bytes, sha256 FROM artifacts WHERE id = $1',
      [file.artifact_id],
    );
    const bytes = await readFile(join(test.env.storageDir, artifact?.storage_key ?? ''));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    expect({ bytes: bytes.length, sha256 }).toEqual({
      bytes: artifact?.size_bytes,
      sha256: artifact?.sha256,
    });
    expect(file).toMatchObject({ bytes: bytes.length, sha256 });
    return { text: bytes.toString('utf8'), rows: file.rows };
  }

  it('gives CSV in which every title is whole and none is a formula', async () => {
    const { text, rows } = await exported({});
    const [head, ...lines] = parseCsv(text);
    expect(head?.join()).toBe(
      'job_id,user_id,title,status,priority,attempt,progress,error_code,error_message,created_at,started_at,finished_at',
    );
    expect(rows).toBe(titles.length);
    expect(lines.map((cells) => cells[2] as Cell)).toEqual(titles.map(harmlessCell));
    expect(lines[0]?.slice(3)).toEqual(
      ['failed', '5', '1', '0.25', '', "'=x", '2026-01-02T03:04:05.678Z', '2026-01-02T03:04:06Z', '']); // prettier-ignore
  });

  it('gives NDJSON in which nothing is changed', async () => {
    const { text, rows } = await exported({ format: 'ndjson' });
    const jobs = text.trimEnd().split('\n').map((line) => JSON.parse(line) as { title: string }); // prettier-ignore
    expect(rows).toBe(jobs.length);
    expect(jobs.map(({ title }) => title)).toEqual(titles);
    const { job_id, ...first } = jobs[0] as { job_id?: string; title: string };
    expect(job_id).toMatch(/^[0-9a-f-]{36}$/);
    expect(JSON.stringify(first)).toBe(
      JSON.stringify({ user_id: userId, title: titles[0], status: 'failed', priority: 5, attempt: 1, progress: 0.25, error_code: null,
        error_message: '=x', created_at: '2026-01-02T03:04:05.678Z', started_at: '2026-01-02T03:04:06Z', finished_at: null }),
    ); // prettier-ignore
  });

  it('has the steps of each job in their order, and jobs without any', async () => {
    const filter = { limit: 2 };
    const csv = await exported({ filter, includeSteps: true });
    const agents = parseCsv(csv.text).map((cells) => cells[12]);
    expect([csv.rows, agents]).toEqual([3, ['step_agent', 'transcoder', 'inspector', '']]);
    const { text } = await exported({ filter, includeSteps: true, format: 'ndjson' });
    const steps = text.trimEnd().split('\n').map((line) => (JSON.parse(line) as { steps: { agent: string }[] }).steps); // prettier-ignore
    expect(steps.map((all) => all.map(({ agent }) => agent))).toEqual([['transcoder', 'inspector'], []]);
  });

  it('has only the jobs that fit', async () => {
    const failed = await exported({ filter: { status: ['failed', 'queued'], user_id: userId, created_after: '2026-01-01T00:00:00Z' } }); // prettier-ignore
    expect(parseCsv(failed.text).map((cells) => cells[3])).toEqual(['status', 'failed']);
    const none = await exported({ filter: { error_code: `x' OR true --` }, format: 'ndjson' });
    expect(none).toEqual({ text: '', rows: 0 });
  });

  it('ends on request, with nothing left behind and no statement going on', async () => {
    const abort = new AbortController();
    abort.abort();
    const before = await test.database.query('SELECT FROM artifacts');
    await expect(
      exporter.export({ filter: {}, format: 'csv', includeSteps: false }, context(abort.signal)),
    ).rejects.toMatchObject({ report: { done: 0, not_done: titles.length } });
    expect(await readdir(await test.get(BlobStore).tempDir())).toEqual([]);
    expect(await test.database.query('SELECT FROM artifacts')).toHaveLength(before.length);
    const endless = test.get(Db).copy('SELECT generate_series(1, 100000000)', [], { take: () => undefined });
    await endless.next();
    await endless.return(undefined);
    await eventually(async () =>
      expect(
        await test.database.query(
          `SELECT query FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%' AND state = 'active'`,
        ),
      ).toEqual([]),
    );
  });

  it('has every row once, and fails when its statement does, of which nothing is left on the connection', async () => {
    const db = test.get(Db);
    const rows = async (sql: string, params: unknown[] = []) => {
      const taken: number[] = [];
      const taker = { take: (bytes: Buffer, at: number) => void taken.push(bytes.readInt32BE(at + 4)) };
      let counted = 0;
      for await (const more of db.copy(sql, params, taker)) counted += more;
      expect(counted).toBe(taken.length);
      return taken;
    };
    const all = await rows(`SELECT n, repeat('x', n % 7000) FROM generate_series(1, $1::int) n`, [20_000]);
    expect(all).toEqual(Array.from({ length: 20_000 }, (_, n) => n + 1));
    for (const sql of [
      'SELECT 1 / (5000 - n) FROM generate_series(1, 10000) n',
      'SELECT nothing FROM nowhere',
    ])
      await expect(rows(sql)).rejects.toMatchObject({ code: expect.stringMatching(/^(22012|42P01)$/) });
    expect(await rows('SELECT 1')).toEqual([1]);
    expect(await rows('SELECT 1 WHERE false')).toEqual([]);
  });
});
