import { Inject, Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { AppError } from '../../platform/errors/app-error';
import { Db } from '../../platform/postgres/db';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';
import type { UploadSettings } from '../../platform/settings/settings';
import { chunkGeometry, MAX_CHUNK_BYTES, MAX_CHUNKS } from './chunk-geometry';
import { displayFilename } from './filename';
import type { NewUpload, Upload } from './upload';
import { type UploadFilter, UploadStore } from './upload-store';

/** Begins uploads and tells about them. */
@Injectable()
export class UploadsService {
  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(UploadStore) private readonly store: UploadStore,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
  ) {}

  /**
   * Begins an upload: its id, how the file has to be cut, and until when it must be complete.
   *
   * @throws AppError PAYLOAD_TOO_LARGE, QUOTA_EXCEEDED
   */
  async init(
    wanted: NewUpload,
  ): Promise<Pick<Upload, 'id' | 'chunkSize' | 'chunkCount' | 'expiresAt' | 'filename'>> {
    const limits = this.settings.current().uploads;
    const largest = Math.min(limits.max_bytes, MAX_CHUNKS * MAX_CHUNK_BYTES);
    if (wanted.sizeBytes > largest) {
      throw new AppError('PAYLOAD_TOO_LARGE', `A file has at most ${largest} bytes.`);
    }
    const upload = {
      ...chunkGeometry(wanted.sizeBytes, wanted.chunkSize ?? limits.chunk_bytes),
      id: uuidv7(),
      userId: wanted.userId,
      filename: displayFilename(wanted.filename),
      contentType: wanted.contentType,
      sha256: wanted.sha256?.toLowerCase(),
      expiresAt: new Date(Date.now() + limits.expires_after_s * 1000),
    };
    await this.db.transaction(async (tx) => {
      withinQuota(await this.store.holdings(tx, wanted.userId), wanted.sizeBytes, limits);
      await this.store.insert(tx, upload);
    });
    return upload;
  }

  /**
   * An upload with the indexes of the chunks that were received of it. `ownerId`: only theirs.
   *
   * @throws AppError UPLOAD_NOT_FOUND
   */
  async get(id: string, ownerId?: string): Promise<{ upload: Upload; received: number[] }> {
    // In this order: chunks are forgotten in the moment in which an upload is finalized.
    const chunks = await this.store.chunks(id);
    const upload = await this.store.find(id, ownerId);
    if (!upload) throw new AppError('UPLOAD_NOT_FOUND');
    const received = upload.finalizedAt
      ? Array.from({ length: upload.chunkCount }, (_, index) => index)
      : chunks.map(({ index }) => index);
    return { upload, received };
  }

  /** Uploads, newest first: `limit` of them after the upload `after`, or from position `offset`. */
  list(filter: UploadFilter): Promise<Upload[]> {
    return this.store.list(filter);
  }
}

/** Refuses one more upload, of `sizeBytes`, where it is one too many or too large for what the user may hold. */
function withinQuota(
  held: { open: number; bytes: number },
  sizeBytes: number,
  limits: Pick<UploadSettings, 'max_open_per_user' | 'max_bytes_per_user'>,
): void {
  if (held.open >= limits.max_open_per_user) {
    throw new AppError('QUOTA_EXCEEDED', `You have ${held.open} unfinished uploads, and that is the limit.`);
  }
  if (held.bytes + sizeBytes > limits.max_bytes_per_user) {
    throw new AppError(
      'QUOTA_EXCEEDED',
      `Your uploads have ${held.bytes} bytes, and the limit is ${limits.max_bytes_per_user}.`,
    );
  }
}
