import { Inject } from '@nestjs/common';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ControlLoop, type Manager, type ManagerReport, type ManagerRun } from '../../managers/manager';
import { eachInTurn } from '../../platform/errors/each-in-turn';
import { Db } from '../../platform/postgres/db';
import { BlobStore } from '../../platform/storage/blob-store';
import { EXPORTS_PREFIX } from './export-writer';

/** Artifacts that one run removes at most, and keys that are looked up at a time. */
const BATCH = 500;
/** What nobody refers to and nobody wrote to for so long belongs to a process that is gone, in milliseconds. */
const STALE_MS = 86_400_000;

/**
 * Removes exports whose time is over, and what exports left behind that were killed on their way: files that were
 * stored and never recorded, and files that were not even complete.
 */
@ControlLoop()
export class ExportSweeper implements Manager {
  readonly name = 'export-sweeper';
  readonly intervalMs = 300_000;

  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(BlobStore) private readonly blobs: BlobStore,
  ) {}

  async run({ signal }: Pick<ManagerRun, 'signal'>): Promise<ManagerReport> {
    const before = new Date(Date.now() - STALE_MS);
    const parts = [
      () => this.removeExpired(signal),
      () => this.removeOrphans(before, signal),
      () => this.removeTemporary(before, signal),
    ];
    return { items: await eachInTurn(parts, signal, (remove) => remove()) };
  }

  /** The file goes first: a run that is cut off finds the rest by its row. */
  private async removeExpired(signal: AbortSignal): Promise<number> {
    const rows = await this.db.query<{ id: string; storage_key: string }>(
      'SELECT id, storage_key FROM artifacts WHERE expires_at < now() ORDER BY expires_at LIMIT $1',
      [BATCH],
    );
    return eachInTurn(rows, signal, async ({ id, storage_key: key }) => {
      await this.blobs.delete(key);
      return this.db.execute('DELETE FROM artifacts WHERE id = $1', [id]);
    });
  }

  private async removeOrphans(before: Date, signal: AbortSignal): Promise<number> {
    let removed = 0;
    let keys: string[] = [];
    for await (const { key, modifiedAt } of this.blobs.list(EXPORTS_PREFIX)) {
      if (signal.aborted) break;
      if (modifiedAt < before) keys.push(key);
      if (keys.length < BATCH) continue;
      removed += await this.removeUnrecorded(keys, signal);
      keys = [];
    }
    return removed + (await this.removeUnrecorded(keys, signal));
  }

  private async removeUnrecorded(keys: readonly string[], signal: AbortSignal): Promise<number> {
    const rows = await this.db.query<{ key: string }>(
      'SELECT key FROM unnest($1::text[]) AS key WHERE NOT EXISTS (SELECT FROM artifacts WHERE storage_key = key)',
      [keys],
    );
    return eachInTurn(rows, signal, async ({ key }) => {
      await this.blobs.delete(key);
      return 1;
    });
  }

  /** The folders there belong to uploads, which have a sweeper of their own. */
  private async removeTemporary(before: Date, signal: AbortSignal): Promise<number> {
    const folder = await this.blobs.tempDir();
    const files = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isFile());
    return eachInTurn(files, signal, async ({ name }) => {
      const path = join(folder, name);
      // Put into the store since, or removed by whoever wrote it.
      const found = await stat(path).catch(() => undefined);
      if (!found || found.mtime >= before) return 0;
      await rm(path, { force: true });
      return 1;
    });
  }
}
