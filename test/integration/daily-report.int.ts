import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { DailyReporter, type ReportFormat } from '../../src/categories/jobs/daily-report/daily-reporter';
import type { DailyReport } from '../../src/categories/jobs/daily-report/report';
import { ReportCollector } from '../../src/categories/jobs/daily-report/report-collector';
import type { ActionContext } from '../../src/pipeline/catalogue/action-command';
import { NO_CHECKPOINT } from '../../src/pipeline/catalogue/checkpoint';
import { ExportsModule } from '../../src/pipeline/exports/exports.module';
import { ExportWriter } from '../../src/pipeline/exports/export-writer';
import { Db } from '../../src/platform/postgres/db';
import { bootModules, type TestApp } from '../support/app';
import { notOverMidnight } from '../support/midnight';
import { makeUser } from '../support/users';

describe('the report of a day', () => {
  let test: TestApp;
  let userId: string;

  beforeAll(async () => {
    test = await bootModules([ExportsModule]);
    ({ id: userId } = await makeUser(test.database));
    await job('completed', '2026-01-30T23:00:00Z', '2026-01-31T00:00:00Z', 'over midnight');
    await job('completed', '2026-01-31T10:00:00Z', '2026-01-31T10:00:30Z', 'Größe 視頻 😀\n=x');
    await job('failed', '2026-01-31T11:00:00Z', '2026-01-31T11:30:00Z', 'failed', 'TOOL_FAILED');
    await job('cancelled', '2026-01-30T11:00:00Z', '2026-01-30T11:30:00Z', 'the day before');
    await job('completed', '2026-01-31T23:00:00Z', '2026-02-01T00:00:00Z', 'the day after');
  });
  afterAll(() => test?.close());

  /** A job with one step, which took as long as it. */
  async function job(
    status: string,
    created: string,
    finished: string,
    title: string,
    error: string | null = null,
  ) {
    const id = uuidv7();
    await test.database.query(
      `INSERT INTO jobs (id, user_id, title, status, graph_version, error_code, created_at, started_at, finished_at)
       VALUES ($1, $2, $3, $4, 1, $5, $6, $6, $7)`,
      [id, userId, title, status, error, created, finished],
    );
    await test.database.query(
      `INSERT INTO steps (id, job_id, agent, position, status, error_code, started_at, finished_at)
       VALUES ($1, $2, $3, 0, $4, $5, $6, $7)`,
      [uuidv7(), id, status === 'failed' ? 'inspector' : 'packager', status, error, created, finished],
    );
  }

  async function report(format: ReportFormat, date = '2026-01-31'): Promise<Buffer> {
    const reporter = new DailyReporter(new ReportCollector(test.get(Db)), test.get(ExportWriter));
    const context = {
      executionId: uuidv7(),
      actor: { userId },
      signal: new AbortController().signal,
      progress: () => undefined,
      checkpoint: NO_CHECKPOINT,
    } as unknown as ActionContext;
    const file = await reporter.export(date, format, context);
    const [row] = await test.database.query<{ storage_key: string }>(
      'SELECT storage_key FROM artifacts WHERE id = $1',
      [file.artifact_id],
    );
    return readFile(join(test.env.storageDir, row?.storage_key ?? ''));
  }

  it('counts what belongs to the day, and to the one before', async () => {
    const { day, day_before, complete } = JSON.parse((await report('json')).toString()) as DailyReport;
    expect(complete).toBe(true);
    expect(day.jobs).toMatchObject({
      created: 3,
      completed: 2,
      failed: 1,
      cancelled: 0,
      open_at_end: 1,
      p50_s: 1_815,
    });
    expect(day_before.jobs).toMatchObject({
      created: 2,
      completed: 0,
      cancelled: 1,
      open_at_end: 1,
      p50_s: null,
    });
    const busy = day.hours.filter(({ completed, failed, cancelled }) => completed + failed + cancelled > 0);
    expect(busy.map(({ hour }) => hour)).toEqual([0, 10, 11]);
    expect(day.hours).toHaveLength(24);
    expect(day.agents.map(({ agent, steps, hours }) => [agent, steps, Number(hours.toFixed(3))])).toEqual([
      ['packager', 2, 1.008],
      ['inspector', 1, 0.5],
    ]);
    expect(day.failures).toEqual([{ agent: 'inspector', error_code: 'TOOL_FAILED', count: 1 }]);
    expect(day.slowest.map(({ duration_s }) => duration_s)).toEqual([3_600, 30]);
  });

  it('counts the actions of the staff and the bytes of today', async () => {
    await notOverMidnight();
    const today = new Date().toISOString().slice(0, 10);
    const { day } = JSON.parse((await report('json', today)).toString()) as DailyReport;
    const file = await report('csv', today);
    const actions = [
      ['succeeded', 'outcome', 'act', 'operator'],
      ['failed', 'outcome', 'act', 'operator'],
      ['denied', 'denial', 'act', 'readonly'],
      ['succeeded', 'outcome', 'preview', 'operator'],
      ['succeeded', 'outcome', 'act', 'user'],
      ['pending', 'intent', 'act', 'operator'],
    ];
    for (const [outcome, phase, kind, role] of actions)
      await test.database.query(
        `INSERT INTO audit_entries (outcome, phase, kind, actor_role, action, actor_id) VALUES ($1, $2, $3, $4, 'queue.pause', $5)`,
        [outcome, phase, kind, role, userId],
      );
    const later = JSON.parse((await report('json', today)).toString()) as DailyReport;
    expect(later.complete).toBe(false);
    expect(later.day.actions).toEqual([{ action: 'queue.pause', succeeded: 1, failed: 1, denied: 1 }]);
    expect(later.day.storage.files_added).toBeGreaterThanOrEqual(day.storage.files_added + file.length);
  });

  it('counts the uploads that were there when the day ended', async () => {
    const uploads: [number, string, string, string][] = [
      [1, 'finalized', '2026-03-09', '2026-03-09'],
      [10, 'finalized', '2026-03-10', '2026-03-10'],
      [100, 'expired', '2026-03-10', '2026-03-10'],
      [1_000, 'expired', '2026-03-09', '2026-03-11'],
    ];
    for (const [size, status, finalized, changed] of uploads)
      await test.database.query(
        `INSERT INTO uploads (id, user_id, filename, size_bytes, chunk_size, chunk_count, status, expires_at,
           finalized_at, updated_at)
         VALUES ($1, $2, 'video.mp4', $3, 65536, 1, $4, '2026-03-20', $5::date + time '12:00', $6::date + time '13:00')`,
        [uuidv7(), userId, size, status, finalized, changed],
      );
    const { day, day_before } = JSON.parse((await report('json', '2026-03-10')).toString()) as DailyReport;
    expect(day.storage).toMatchObject({ uploads: 1_011, uploads_added: 110 });
    expect(day_before.storage).toMatchObject({ uploads: 1_001, uploads_added: 1_001 });
  });

  it('is a PDF whose text is in embedded fonts, also of a day without anything', async () => {
    for (const date of ['2026-01-31', '2020-01-01']) {
      const pdf = (await report('pdf', date)).toString('latin1');
      expect(pdf).toMatch(/^%PDF-1\.\d/);
      expect(pdf).toMatch(/%%EOF\s*$/);
      expect(pdf).toContain('DejaVuSans');
    }
  });
});
