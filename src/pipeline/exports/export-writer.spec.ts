import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Db, Tx } from '../../platform/postgres/db';
import type { BlobStore } from '../../platform/storage/blob-store';
import type { DownloadLinks } from '../../platform/storage/download-links';
import type { ActionContext } from '../catalogue/action-command';
import { NO_CHECKPOINT } from '../catalogue/checkpoint';
import { ClaimLost } from '../executions/lease-keeper';
import { type ExportOrder, type ExportPart, ExportWriter } from './export-writer';

describe('an export', () => {
  let folder: string;
  let stored: Set<string>;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'export-'));
    stored = new Set();
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** An order of two parts with a row each. */
  function order(afterPart: () => void = () => undefined): ExportOrder {
    async function* parts(): AsyncGenerator<ExportPart> {
      for (let part = 0; part < 2; part++) {
        yield await Promise.resolve({ text: `{"part":${part}}\n`, rows: 1 });
        afterPart();
      }
    }
    return { name: 'things', format: 'ndjson', total: 2, parts: parts() };
  }

  function writer(): ExportWriter {
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
    return new ExportWriter(blobs, links, db);
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

  it('stops after a part, says how far it was, and leaves nothing behind', async () => {
    const abort = new AbortController();
    const work = writer().write(
      order(() => abort.abort()),
      context({ signal: abort.signal }),
    );
    await expect(work).rejects.toMatchObject({ report: { done: 1, not_done: 1 } });
    expect([[...stored], readdirSync(folder)]).toEqual([[], []]);
  });

  it('is what an earlier run has published, if it has', async () => {
    const published = { artifact_id: 'a1', name: 'things.ndjson', rows: 2, bytes: 9, sha256: 'x' };
    const checkpoint = { ...NO_CHECKPOINT, resume: () => published as never };
    const result = await writer().write(order(), context({ checkpoint }));
    expect(result).toMatchObject({ ...published, download_url: '/a1' });
    expect([...stored]).toEqual([]);
  });

  it('is not published by a run that was taken for dead', async () => {
    const checkpoint = { ...NO_CHECKPOINT, save: () => Promise.reject(new ClaimLost()) };
    await expect(writer().write(order(), context({ checkpoint }))).rejects.toThrow(ClaimLost);
    expect([...stored]).toEqual([]);
  });

  it('never takes the place of another run', async () => {
    await writer().write(order(), context());
    await writer().write(order(), context());
    expect(stored.size).toBe(2);
  });
});
