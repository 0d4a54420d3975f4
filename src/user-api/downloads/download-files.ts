import { Inject, Injectable } from '@nestjs/common';
import { Db } from '../../platform/postgres/db';
import { BlobStore } from '../../platform/storage/blob-store';
import type { ServedFile } from './send-file';

interface ArtifactRow {
  name: string;
  content_type: string;
  storage_key: string;
  size_bytes: number;
  sha256: string;
  created_at: Date;
}

/** Finds produced files by their artifact. */
@Injectable()
export class DownloadFiles {
  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(BlobStore) private readonly blobs: BlobStore,
  ) {}

  /**
   * A file that another one names: a segment beside its playlist, a sheet beside its storyboard. Such files were made
   * in the same step and their names begin with that of the file that names them.
   *
   * @param entryId the file that a link names; it is answered itself when asked for by the link's own last part
   */
  async findBeside(entryId: string, name: string): Promise<ServedFile | undefined> {
    const [row] = await this.db.query<{ id: string }>(
      `SELECT b.id FROM artifacts a JOIN artifacts b ON b.step_id = a.step_id AND b.kind = a.kind
       WHERE a.id = $1 AND (
         (a.kind = 'hls' AND $2 = 'playlist.m3u8' OR a.kind = 'storyboard' AND $2 = 'storyboard.vtt') AND b.id = a.id
         OR a.kind IN ('hls', 'storyboard') AND b.name = $2
           AND starts_with(b.name, regexp_replace(a.name, '\\.[a-z0-9]+$', '') || '-'))`,
      [entryId, name],
    );
    return row && this.find(row.id);
  }

  /** The file, unless it, or what it stands for, was deleted or its time is over. */
  async find(artifactId: string): Promise<ServedFile | undefined> {
    const [row] = await this.db.query<ArtifactRow>(
      `SELECT name, content_type, storage_key, size_bytes, sha256, created_at FROM artifacts
       WHERE id = $1 AND (expires_at IS NULL OR expires_at > now())`,
      [artifactId],
    );
    if (!row || !(await this.blobs.stat(row.storage_key))) return undefined;
    return {
      name: row.name,
      contentType: row.content_type,
      sizeBytes: row.size_bytes,
      sha256: row.sha256,
      createdAt: row.created_at,
      pieces: (range) => this.blobs.pieces(row.storage_key, range),
    };
  }
}
