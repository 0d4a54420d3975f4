import { Inject, Injectable } from '@nestjs/common';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { Db } from '../../platform/postgres/db';
import { BlobStore, type StoredBlob } from '../../platform/storage/blob-store';
import { storageError } from '../../platform/storage/local-disk';
import { DownloadLinks } from '../../platform/storage/download-links';
import type { ActionContext } from '../catalogue/action-command';
import { mayStop } from '../catalogue/stopped-early';
import { ClaimLost } from '../executions/lease-keeper';
import { BlockFile } from './block-file';

/** What the keys of all exports begin with. */
export const EXPORTS_PREFIX = 'exports';
/** How long an export is kept, in days. */
const KEEP_DAYS = 7;

/** Content type of each format, by the extension of its files. */
const CONTENT_TYPES = {
  csv: 'text/csv; charset=utf-8',
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  pdf: 'application/pdf',
} as const;
export type FileFormat = keyof typeof CONTENT_TYPES;

/** A piece of an export, and how many of its rows are in it. */
export interface ExportPart {
  /** Of bytes, those that are there until the next part is asked for. */
  text: string | Buffer;
  rows: number;
}

/** What is to become a file. */
export interface ExportOrder {
  /** Of the file, without its extension. */
  name: string;
  format: FileFormat;
  /** The rows to expect, for the progress, if that is known; there may be more or fewer in the end. */
  total?: number;
  parts: AsyncIterable<ExportPart>;
}

/** An export that can be downloaded. */
interface PublishedExport {
  artifact_id: string;
  name: string;
  rows: number;
  bytes: number;
  sha256: string;
}

/** A finished export, with where it is for now. */
export interface ExportedFile extends PublishedExport {
  download_url: string;
  /** Of the URL. */
  expires_at: string;
}

/** Writes what an action exports into an artifact, a part at a time, whatever its length. */
@Injectable()
export class ExportWriter {
  constructor(
    @Inject(BlobStore) private readonly blobs: BlobStore,
    @Inject(DownloadLinks) private readonly links: DownloadLinks,
    @Inject(Db) private readonly db: Db,
  ) {}

  /**
   * Exports. What an earlier run had published already is the export; one that had not begins anew, since what
   * it wrote was in no use yet. Stops after a part when aborted.
   */
  async write(order: ExportOrder, context: ActionContext): Promise<ExportedFile> {
    const published = context.checkpoint.resume<PublishedExport>() ?? (await this.publish(order, context));
    const link = this.links.to(published.artifact_id);
    return { ...published, download_url: link.url, expires_at: link.expiresAt.toISOString() };
  }

  private async publish(order: ExportOrder, context: ActionContext): Promise<PublishedExport> {
    const name = `${order.name}.${order.format}`;
    const id = uuidv7();
    const path = join(await this.blobs.tempDir(), `${context.executionId}-${id}`);
    // Of its own: a run that was only slow must not write over what its successor published.
    const key = `${EXPORTS_PREFIX}/${context.executionId}/${id}/${name}`;
    try {
      const { rows, size, sha256 } = await this.writeFile(path, order, context);
      await this.blobs.put(key, path, { size, sha256 }, context.signal);
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

  private async writeFile(
    path: string,
    { total, parts }: ExportOrder,
    context: ActionContext,
  ): Promise<StoredBlob & { rows: number }> {
    let file: BlockFile | undefined;
    let rows = 0;
    try {
      file = new BlockFile(await open(path, 'wx', 0o600));
      for await (const part of parts) {
        mayStop(context.signal, () => ({
          done: rows,
          not_done: total === undefined ? null : Math.max(0, total - rows),
        }));
        await file.append(typeof part.text === 'string' ? Buffer.from(part.text) : part.text);
        rows += part.rows;
        context.progress({ done: rows, total: total === undefined ? undefined : Math.max(total, rows) });
      }
      return { ...(await file.end()), rows };
    } catch (error) {
      throw storageError(error);
    } finally {
      await file?.close();
    }
  }

  /** The artifact and the checkpoint together: a run that was taken for dead publishes nothing. */
  private async record(
    key: string,
    format: FileFormat,
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
