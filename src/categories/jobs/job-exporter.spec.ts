import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DownloadLinks } from '../../media/clips/download-links';
import type { ActionContext } from '../../pipeline/catalogue/action-command';
import { NO_CHECKPOINT } from '../../pipeline/catalogue/checkpoint';
import { ClaimLost } from '../../pipeline/executions/lease-keeper';
import type { Db, Tx } from '../../platform/postgres/db';
import type { BlobStore } from '../../platform/storage/blob-store';
import { JobExporter } from './job-exporter';
import { JobFilter } from './job-filter.dto';
import type { ExportedJob, JobRows } from './job-rows';

const JOB = { job_id: 'j', title: 'A job' } as ExportedJob;
const ORDER = { filter: new JobFilter(), format: 'ndjson' as const, includeSteps: false };

describe('an export of jobs', () => {
  let folder: string;
  let stored: Set<string>;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'export-'));
    stored = new Set();
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** An exporter of two pages with a job each. */
  function exporter(afterPage: () => void = () => undefined): JobExporter {
    const rows = {
      count: () => Promise.resolve(2),
      pages: async function* () {
        for (let page = 0; page < 2; page++) {
          yield await Promise.resolve([JOB]);
          afterPage();
        }
      },
    } as unknown as JobRows;
    const blobs = {
      tempDir: () => Promise.resolve(folder),
      put: (key: string) => Promise.resolve(stored.add(key)),
      delete: (key: string) => Promise.resolve(stored.delete(key)),
    } as unknown as BlobStore;
    const links = { to: (id: string) => ({ url: `/${id}`, expiresAt: new Date(0) }) } as DownloadLinks;
    const db = {
      transaction: (work: (tx: Tx) => Promise<void>) =>
        work({ execute: () => Promise.resolve(1) } as unknown as Tx),
    } as Db;
    return new JobExporter(rows, blobs, links, db);
  }
  const context = (more: Partial<ActionContext> = {}) =>
    ({
      executionId: 'e1',
      actor: { userId: 'u1' },
      signal: new AbortController().signal,
      progress: () => undefined,
      checkpoint: NO_CHECKPOINT,
      ...more,
    }) as ActionContext;

  it('stops after a page, says how far it was, and leaves nothing behind', async () => {
    const abort = new AbortController();
    const work = exporter(() => abort.abort()).export(ORDER, context({ signal: abort.signal }));
    await expect(work).rejects.toMatchObject({ report: { done: 1, not_done: 1 } });
    expect([[...stored], readdirSync(folder)]).toEqual([[], []]);
  });

  it('is what an earlier run has published, if it has', async () => {
    const published = { artifact_id: 'a1', name: 'jobs.ndjson', rows: 2, bytes: 9, sha256: 'x' };
    const checkpoint = { ...NO_CHECKPOINT, resume: () => published as never };
    const result = await exporter().export(ORDER, context({ checkpoint }));
    expect(result).toMatchObject({ ...published, download_url: '/a1' });
    expect([...stored]).toEqual([]);
  });

  it('is not published by a run that was taken for dead', async () => {
    const checkpoint = { ...NO_CHECKPOINT, save: () => Promise.reject(new ClaimLost()) };
    await expect(exporter().export(ORDER, context({ checkpoint }))).rejects.toThrow(ClaimLost);
    expect([...stored]).toEqual([]);
  });

  it('never takes the place of another run', async () => {
    await exporter().export(ORDER, context());
    await exporter().export(ORDER, context());
    expect(stored.size).toBe(2);
  });
});
