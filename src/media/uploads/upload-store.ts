import { Inject, Injectable } from '@nestjs/common';
import { Db, type Tx } from '../../platform/postgres/db';
import { type ReceivedChunk, storageKeyOf, type Upload, type UploadStatus } from './upload';

const COLUMNS = `id, user_id AS "userId", filename, content_type AS "contentType", size_bytes AS "sizeBytes",
  chunk_size AS "chunkSize", chunk_count AS "chunkCount", declared_sha256 AS "declaredSha256", sha256, status,
  received_bytes AS "receivedBytes", error_code AS "errorCode", created_at AS "createdAt",
  updated_at AS "updatedAt", expires_at AS "expiresAt", finalized_at AS "finalizedAt"`;

const UNFINISHED = `status IN ('open', 'finalizing')`;

/** Which uploads, and which slice of them: `limit` after the upload `after`, or from position `offset`. */
export interface UploadFilter {
  userId?: string;
  status?: UploadStatus;
  after?: string;
  offset: number;
  limit: number;
}

/** Reads and writes uploads and their chunks in Postgres; each write says in which state it may happen. */
@Injectable()
export class UploadStore {
  constructor(@Inject(Db) private readonly db: Db) {}

  /** The upload, if it exists and, where an owner is given, is theirs. */
  async find(id: string, ownerId?: string): Promise<Upload | undefined> {
    const [row] = await this.db.query<Upload>(
      `SELECT ${COLUMNS} FROM uploads WHERE id = $1 AND ($2::uuid IS NULL OR user_id = $2)`,
      [id, ownerId ?? null],
    );
    return row;
  }

  /**
   * What the user holds: unfinished uploads, and the bytes of these and of all kept files. Other starts by the same
   * user wait until `tx` ends.
   */
  async holdings(tx: Tx, userId: string): Promise<{ open: number; bytes: number }> {
    await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1::text, 1))', [userId]);
    const [row] = await tx.query<{ open: number; bytes: number }>(
      `SELECT count(*) FILTER (WHERE ${UNFINISHED})::int AS open, coalesce(sum(size_bytes), 0)::bigint AS bytes
       FROM uploads WHERE user_id = $1 AND status <> 'expired'`,
      [userId],
    );
    return row ?? { open: 0, bytes: 0 };
  }

  /** Stores a new, empty upload. */
  async insert(
    tx: Tx,
    upload: Pick<
      Upload,
      'id' | 'userId' | 'filename' | 'sizeBytes' | 'chunkSize' | 'chunkCount' | 'expiresAt'
    > & {
      contentType?: string;
      sha256?: string;
    },
  ): Promise<void> {
    await tx.execute(
      `INSERT INTO uploads (id, user_id, filename, content_type, size_bytes, chunk_size, chunk_count, declared_sha256,
         status, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'open', $9)`,
      [
        upload.id,
        upload.userId,
        upload.filename,
        upload.contentType ?? null,
        upload.sizeBytes,
        upload.chunkSize,
        upload.chunkCount,
        upload.sha256 ?? null,
        upload.expiresAt,
      ],
    );
  }

  /**
   * Records a chunk, if the upload is open and has none of that index: of several writers one wins.
   * The bytes received so far, or undefined if nothing was recorded.
   */
  async insertChunk(uploadId: string, chunk: ReceivedChunk, expiresAt: Date): Promise<number | undefined> {
    const [row] = await this.db.query<{ received: number }>(
      `WITH added AS (
         INSERT INTO upload_chunks (upload_id, index, size_bytes, sha256)
         SELECT id, $2, $3, $4 FROM uploads WHERE id = $1 AND status = 'open' FOR UPDATE
         ON CONFLICT (upload_id, index) DO NOTHING
         RETURNING size_bytes)
       UPDATE uploads SET received_bytes = received_bytes + added.size_bytes, updated_at = now(),
         expires_at = greatest(expires_at, $5)
       FROM added WHERE id = $1
       RETURNING received_bytes AS received`,
      [uploadId, chunk.index, chunk.sizeBytes, chunk.sha256, expiresAt],
    );
    return row?.received;
  }

  /** The chunk of that index, if it was received. */
  async findChunk(uploadId: string, index: number): Promise<ReceivedChunk | undefined> {
    const [row] = await this.db.query<ReceivedChunk>(
      `SELECT index, size_bytes AS "sizeBytes", sha256 FROM upload_chunks WHERE upload_id = $1 AND index = $2`,
      [uploadId, index],
    );
    return row;
  }

  /** All chunks received, by index; of an upload that is finalized or expired they are forgotten. */
  chunks(uploadId: string): Promise<ReceivedChunk[]> {
    return this.db.query<ReceivedChunk>(
      `SELECT index, size_bytes AS "sizeBytes", sha256 FROM upload_chunks WHERE upload_id = $1 ORDER BY index`,
      [uploadId],
    );
  }

  /** The indexes that an unfinished upload still misses, the lowest first, at most `limit`; none of any other. */
  async missing(upload: Upload, limit: number): Promise<number[]> {
    const rows = await this.db.query<{ index: number }>(
      `SELECT i AS index FROM generate_series(0, $2::int - 1) AS i
       WHERE NOT EXISTS (SELECT FROM upload_chunks WHERE upload_id = $1 AND index = i)
         AND EXISTS (SELECT FROM uploads WHERE id = $1 AND ${UNFINISHED})
       ORDER BY i LIMIT $3`,
      [upload.id, upload.chunkCount, limit],
    );
    return rows.map((row) => row.index);
  }

  /** How many chunks were received. */
  async countChunks(uploadId: string): Promise<number> {
    const [row] = await this.db.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM upload_chunks WHERE upload_id = $1',
      [uploadId],
    );
    return row?.count ?? 0;
  }

  /** Takes the right to assemble for `leaseS` seconds; false if another has it or the upload is not open. */
  async claim(uploadId: string, finalizer: string, leaseS: number): Promise<boolean> {
    const changed = await this.db.execute(
      `UPDATE uploads SET status = 'finalizing', finalizer = $2, lease_until = now() + make_interval(secs => $3),
         error_code = NULL, updated_at = now()
       WHERE id = $1 AND (status = 'open' OR (status = 'finalizing' AND lease_until < now()))`,
      [uploadId, finalizer, leaseS],
    );
    return changed === 1;
  }

  /** Prolongs a claim; false if it was lost. */
  async renew(uploadId: string, finalizer: string, leaseS: number): Promise<boolean> {
    const changed = await this.db.execute(
      `UPDATE uploads SET lease_until = now() + make_interval(secs => $3)
       WHERE id = $1 AND finalizer = $2 AND status = 'finalizing'`,
      [uploadId, finalizer, leaseS],
    );
    return changed === 1;
  }

  /**
   * Gives a claim back: the upload is open again, and `errorCode` says why. A chunk whose file turned out to be lost
   * is forgotten with it, so that it can be sent again.
   */
  async release(
    uploadId: string,
    finalizer: string,
    errorCode: string | null,
    lostChunk?: number,
  ): Promise<void> {
    await this.db.execute(
      `WITH released AS (
         UPDATE uploads SET status = 'open', finalizer = NULL, lease_until = NULL, error_code = $3, updated_at = now(),
           received_bytes = received_bytes
             - coalesce((SELECT size_bytes FROM upload_chunks WHERE upload_id = $1 AND index = $4), 0)
         WHERE id = $1 AND finalizer = $2 AND status = 'finalizing'
         RETURNING id)
       DELETE FROM upload_chunks USING released WHERE upload_id = released.id AND index = $4`,
      [uploadId, finalizer, errorCode, lostChunk ?? null],
    );
  }

  /** Records the finished file and forgets its chunks; false if the claim was lost. */
  async complete(uploadId: string, finalizer: string, sha256: string, storageKey: string): Promise<boolean> {
    const completed = await this.db.query(
      `WITH completed AS (
         UPDATE uploads SET status = 'finalized', sha256 = $3, storage_key = $4, finalizer = NULL, lease_until = NULL,
           updated_at = now(), finalized_at = now(), unused_since = now()
         WHERE id = $1 AND finalizer = $2 AND status = 'finalizing'
         RETURNING id),
       forgotten AS (DELETE FROM upload_chunks USING completed WHERE upload_id = completed.id)
       SELECT FROM completed`,
      [uploadId, finalizer, sha256, storageKey],
    );
    return completed.length === 1;
  }

  /**
   * Closes unfinished uploads whose time is over, at most `limit`, and forgets their chunks. A finalizer may have stored the file of any of them
   * without living to record it: from then on they all count as if it had.
   */
  async expire(limit: number): Promise<void> {
    await this.db.execute(
      `WITH expired AS (
         UPDATE uploads SET status = 'expired', finalizer = NULL, lease_until = NULL, updated_at = now(),
           storage_key = format($2, id)
         WHERE id IN (
           SELECT id FROM uploads
           WHERE ${UNFINISHED} AND expires_at < now() AND (status = 'open' OR lease_until < now())
           ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
         RETURNING id)
       DELETE FROM upload_chunks USING expired WHERE upload_id = expired.id`,
      [limit, storageKeyOf('%s')],
    );
  }

  /** Closes finalized uploads that no job used for `keepS` seconds, at most `limit`; their number. */
  expireUnused(keepS: number, limit: number): Promise<number> {
    return this.db.execute(
      `UPDATE uploads SET status = 'expired', unused_since = NULL, updated_at = now()
       WHERE id IN (
         SELECT id FROM uploads WHERE status = 'finalized' AND unused_since < now() - make_interval(secs => $1)
         ORDER BY unused_since LIMIT $2 FOR UPDATE SKIP LOCKED)`,
      [keepS, limit],
    );
  }

  /** Expired uploads whose file is, or may be, still stored, at most `limit`. */
  leftovers(limit: number): Promise<{ id: string; storageKey: string }[]> {
    return this.db.query(
      `SELECT id, storage_key AS "storageKey" FROM uploads WHERE status = 'expired' AND storage_key IS NOT NULL
       ORDER BY id LIMIT $1`,
      [limit],
    );
  }

  /** Notes that the file of an expired upload is gone. */
  async forgetFile(uploadId: string): Promise<void> {
    await this.db.execute(`UPDATE uploads SET storage_key = NULL WHERE id = $1 AND status = 'expired'`, [
      uploadId,
    ]);
  }

  /** Which of these uploads are unfinished. */
  async unfinishedOf(ids: string[]): Promise<Set<string>> {
    const rows = await this.db.query<{ id: string }>(
      `SELECT id FROM uploads WHERE id = ANY($1) AND ${UNFINISHED}`,
      [ids],
    );
    return new Set(rows.map((row) => row.id));
  }

  /**
   * The user's uploads, newest first: `limit` of them after the upload `after` or from position `offset`.
   */
  list(filter: UploadFilter): Promise<Upload[]> {
    return this.db.query<Upload>(
      `SELECT ${COLUMNS} FROM uploads
       WHERE ($1::uuid IS NULL OR user_id = $1) AND ($2::text IS NULL OR status = $2) AND ($3::uuid IS NULL OR id < $3)
       ORDER BY id DESC LIMIT $4 OFFSET $5`,
      [filter.userId ?? null, filter.status ?? null, filter.after ?? null, filter.limit, filter.offset],
    );
  }
}
