import { Inject, Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { DownloadLinks } from '../../media/clips/download-links';
import type { ActionContext } from '../../pipeline/catalogue/action-command';
import { mayStop } from '../../pipeline/catalogue/stopped-early';
import { ClaimLost } from '../../pipeline/executions/lease-keeper';
import { Db } from '../../platform/postgres/db';
import { BlobStore, type StoredBlob } from '../../platform/storage/blob-store';
import { CONTENT_TYPES, type ExportFormat, header, lines } from './export-format';
import type { JobFilter } from './job-filter.dto';
import { JobRows } from './job-rows';

/** How long an export is kept, in days. */
const KEEP_DAYS = 7;

/** What to export. */
export interface ExportOrder {
  filter: JobFilter;
  format: ExportFormat;
  includeSteps: boolean;
}

/** An export that can be downloaded. */
interface PublishedExport {
  artifact_id: string;
  name: string;
  /** Jobs. */
  rows: number;
  bytes: number;
  sha256: string;
}

/** A finished export, with where it is for now. */
export interface JobExport extends PublishedExport {
  download_url: string;
  /** Of the URL. */
  expires_at: string;
}

/** Writes jobs into an artifact, a page at a time. */
@Injectable()
export class JobExporter {
  constructor(
    @Inject(JobRows) private readonly jobs: JobRows,
    @Inject(BlobStore) private readonly blobs: BlobStore,
    @Inject(DownloadLinks) private readonly links: DownloadLinks,
    @Inject(Db) private readonly db: Db,
  ) {}

  /**
   * Exports. What an earlier run had published already is the export; one that had not begins anew, since what
   * it wrote was in no use yet. Stops after a page when aborted.
   */
  async export(order: ExportOrder, context: ActionContext): Promise<JobExport> {
    const published = context.checkpoint.resume<PublishedExport>() ?? (await this.publish(order, context));
    const link = this.links.to(published.artifact_id);
    return { ...published, download_url: link.url, expires_at: link.expiresAt.toISOString() };
  }

  private async publish(order: ExportOrder, context: ActionContext): Promise<PublishedExport> {
    const name = `jobs.${order.format}`;
    const id = uuidv7();
    const path = join(await this.blobs.tempDir(), `${context.executionId}-${id}`);
    // Of its own: a run that was only slow must not write over what its successor published.
    const key = `exports/${context.executionId}/${id}/${name}`;
    try {
      const { rows, size, sha256 } = await this.write(path, order, context);
      await this.blobs.put(key, path, { size, sha256 });
      const published = { artifact_id: id, name, rows, bytes: size, sha256 };
      await this.record(key, order.format, published, context);
      return published;
    } catch (error) {
      // Only then is it sure that nothing refers to the file.
      if (error instanceof ClaimLost) await this.blobs.delete(key);
      throw error;
    } finally {
      await rm(path, { force: true });
    }
  }

  private async write(
    path: string,
    { filter, format, includeSteps }: ExportOrder,
    context: ActionContext,
  ): Promise<StoredBlob & { rows: number }> {
    const total = await this.jobs.count(filter);
    const hash = createHash('sha256');
    const file = await open(path, 'wx', 0o600);
    let size = 0;
    let rows = 0;
    const append = async (text: string): Promise<void> => {
      const bytes = Buffer.from(text);
      hash.update(bytes);
      size += bytes.length;
      await file.appendFile(bytes);
    };
    try {
      await append(header(format, includeSteps));
      for await (const page of this.jobs.pages(filter, includeSteps)) {
        mayStop(context.signal, () => ({ done: rows, not_done: Math.max(0, total - rows) }));
        await append(lines(format, page));
        rows += page.length;
        context.progress({ done: rows, total: Math.max(total, rows) });
      }
    } finally {
      await file.close();
    }
    return { size, rows, sha256: hash.digest('hex') };
  }

  /** The artifact and the checkpoint together: a run that was taken for dead publishes nothing. */
  private async record(
    key: string,
    format: ExportFormat,
    published: PublishedExport,
    { executionId, actor, checkpoint }: ActionContext,
  ): Promise<void> {
    const { artifact_id, name, bytes, sha256 } = published;
    await this.db.transaction(async (tx) => {
      await tx.execute(
        `INSERT INTO artifacts (id, execution_id, user_id, kind, name, content_type, storage_key, size_bytes, sha256, expires_at)
         VALUES ($1, $2, $3, 'export', $4, $5, $6, $7, $8, now() + make_interval(days => $9))`,
        [artifact_id, executionId, actor.userId, name, CONTENT_TYPES[format], key, bytes, sha256, KEEP_DAYS],
      );
      await checkpoint.save(published, tx);
    });
  }
}
