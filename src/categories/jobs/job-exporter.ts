import { Inject, Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { DownloadLinks } from '../../media/clips/download-links';
import type { ActionContext } from '../../pipeline/catalogue/action-command';
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

/** A finished export. */
export interface JobExport {
  artifact_id: string;
  name: string;
  /** Jobs. */
  rows: number;
  bytes: number;
  sha256: string;
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

  /** Exports; run again for the same execution it replaces what it made before. Stops when aborted. */
  async export(order: ExportOrder, context: ActionContext): Promise<JobExport> {
    const name = `jobs.${order.format}`;
    const path = join(await this.blobs.tempDir(), `${context.executionId}-${uuidv7()}`);
    try {
      const { rows, ...blob } = await this.write(path, order, context);
      const key = `exports/${context.executionId}/${name}`;
      await this.blobs.put(key, path, blob);
      const artifactId = await this.record(key, name, order.format, blob, context);
      const link = this.links.to(artifactId);
      return {
        artifact_id: artifactId,
        name,
        rows,
        bytes: blob.size,
        sha256: blob.sha256,
        download_url: link.url,
        expires_at: link.expiresAt.toISOString(),
      };
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
        context.signal.throwIfAborted();
        await append(lines(format, page));
        rows += page.length;
        context.progress({ done: rows, total: Math.max(total, rows) });
      }
    } finally {
      await file.close();
    }
    return { size, rows, sha256: hash.digest('hex') };
  }

  private async record(
    key: string,
    name: string,
    format: ExportFormat,
    blob: StoredBlob,
    context: ActionContext,
  ): Promise<string> {
    const [row] = await this.db.query<{ id: string }>(
      `INSERT INTO artifacts (id, execution_id, user_id, kind, name, content_type, storage_key, size_bytes, sha256, expires_at)
       VALUES ($1, $2, $3, 'export', $4, $5, $6, $7, $8, now() + make_interval(days => $9))
       ON CONFLICT (storage_key) DO UPDATE SET size_bytes = excluded.size_bytes, sha256 = excluded.sha256
       RETURNING id`,
      [
        uuidv7(),
        context.executionId,
        context.actor.userId,
        name,
        CONTENT_TYPES[format],
        key,
        blob.size,
        blob.sha256,
        KEEP_DAYS,
      ],
    );
    if (!row) throw new Error('The export was not recorded');
    return row.id;
  }
}
