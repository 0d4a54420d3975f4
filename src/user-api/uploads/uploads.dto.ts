import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsInt, IsString, IsUUID, Matches, Max, MaxLength, Min, MinLength } from 'class-validator';
import { MAX_CHUNK_BYTES, MAX_CHUNKS, MIN_CHUNK_BYTES } from '../../media/uploads/chunk-geometry';
import { UPLOAD_STATUSES, type UploadStatus } from '../../media/uploads/upload';
import { PageQuery, ToInt } from '../paging.dto';
import { MayBeAbsent } from '../../pipeline/catalogue/fields';

/** A SHA-256 checksum in hexadecimal. */
const SHA256 = /^[0-9a-fA-F]{64}$/;

/** A file that is going to be uploaded. */
export class InitUploadBody {
  /** The file's name, for people to read; folders in it are dropped. @example holiday.mp4 */
  @IsString()
  @MinLength(1)
  @MaxLength(8_192)
  filename!: string;

  /** Its size, in bytes. @example 20971520 */
  @IsInt()
  @Min(1)
  size!: number;

  /** What the client thinks it is; the content decides. @example video/mp4 */
  @MayBeAbsent()
  @IsString()
  @MaxLength(200)
  @Matches(/^[\w.+-]+\/[\w.+-]+(\s*;[\x20-\x7e]*)?$/, {
    message: 'content_type must be a media type like video/mp4',
  })
  content_type?: string;

  /** SHA-256 of the whole file in hexadecimal, checked when the upload is finalized. */
  @MayBeAbsent()
  @Matches(SHA256, { message: '$property must be 64 hexadecimal digits' })
  sha256?: string;

  /** The size of all chunks but the last that the client wishes, in bytes; it may get larger ones. @example 8388608 */
  @MayBeAbsent()
  @IsInt()
  @Min(MIN_CHUNK_BYTES)
  @Max(MAX_CHUNK_BYTES)
  chunk_size?: number;
}

/** An upload that has begun. */
export class InitUploadResult {
  /** @example 019aa3f1-7c1e-7bb2-9d7a-1f2e3d4c5b6a */
  upload_id!: string;
  /** The name as it will be shown. @example holiday.mp4 */
  filename!: string;
  /** Bytes of every chunk but the last, which has the rest. @example 8388608 */
  chunk_size!: number;
  /** How many chunks there are; their indexes begin at 0. @example 3 */
  chunk_count!: number;
  /** Until when the next chunk must come, or the upload is dropped. @example 2026-01-02T12:00:00.000Z */
  expires_at!: string;
}

/** Which chunk it is; in a form, fields of the same names before the file do as well. */
export class ChunkQuery {
  /** The upload that the chunk belongs to. @example 019aa3f1-7c1e-7bb2-9d7a-1f2e3d4c5b6a */
  @MayBeAbsent()
  @IsUUID()
  upload_id?: string;

  /** The position of the chunk, from 0. @example 0 */
  @MayBeAbsent()
  @ToInt()
  @IsInt()
  @Min(0)
  @Max(MAX_CHUNKS - 1)
  index?: number;
}

/** The same, complete. */
export class ChunkTarget {
  @IsUUID()
  upload_id!: string;

  @ToInt()
  @IsInt()
  @Min(0)
  @Max(MAX_CHUNKS - 1)
  index!: number;

  @MayBeAbsent()
  @Matches(SHA256, { message: '$property must be 64 hexadecimal digits' })
  x_chunk_sha256?: string;
}

/** A chunk that is safe. */
export class ChunkResult {
  /** @example 019aa3f1-7c1e-7bb2-9d7a-1f2e3d4c5b6a */
  upload_id!: string;
  /** @example 0 */
  index!: number;
  /** Bytes of the upload received so far, all chunks together. @example 8388608 */
  received_bytes!: number;
  /** Bytes of this chunk. @example 8388608 */
  chunk_bytes!: number;
  /** SHA-256 of this chunk. */
  sha256!: string;
}

/** An upload whose chunks are all there. */
export class FinalizeUploadBody {
  /** @example 019aa3f1-7c1e-7bb2-9d7a-1f2e3d4c5b6a */
  @IsUUID()
  upload_id!: string;

  /** SHA-256 of the whole file in hexadecimal; a file that differs is not accepted. */
  @MayBeAbsent()
  @Matches(SHA256, { message: '$property must be 64 hexadecimal digits' })
  sha256?: string;
}

/** A file that is ready to become a job, or is being put together. */
export class FinalizeUploadResult {
  /** @example 019aa3f1-7c1e-7bb2-9d7a-1f2e3d4c5b6a */
  upload_id!: string;
  /** `finalizing` (with 202) where a large file takes longer than a request may; see its status. @example finalized */
  @ApiProperty({ enum: ['finalized', 'finalizing'] })
  status!: 'finalized' | 'finalizing';
  /** In bytes. @example 20971520 */
  size!: number;
  /** SHA-256 of the file; null until it is finalized. */
  sha256!: string | null;
}

/** Which upload. */
export class UploadIdParam {
  /** @example 019aa3f1-7c1e-7bb2-9d7a-1f2e3d4c5b6a */
  @IsUUID()
  upload_id!: string;
}

/** Which uploads. */
export class UploadsQuery extends PageQuery {
  /** Only uploads in this state. */
  @ApiPropertyOptional({ enum: UPLOAD_STATUSES })
  @MayBeAbsent()
  @IsIn(UPLOAD_STATUSES)
  status?: UploadStatus;
}

/** Why the last attempt to finalize failed. */
export class UploadError {
  /** @example CHECKSUM_MISMATCH */
  code!: string;
  /** @example The bytes received do not match the checksum given. */
  message!: string;
}

/** An upload. */
export class UploadView {
  /** @example 019aa3f1-7c1e-7bb2-9d7a-1f2e3d4c5b6a */
  upload_id!: string;
  /** @example holiday.mp4 */
  filename!: string;
  /** @example video/mp4 */
  content_type!: string | null;
  /** `open` takes chunks, `finalized` can become a job, `expired` was not finished, or not used, in time. @example open */
  @ApiProperty({ enum: UPLOAD_STATUSES })
  status!: UploadStatus;
  /** In bytes. @example 20971520 */
  size!: number;
  /** Bytes received so far. @example 8388608 */
  received_bytes!: number;
  /** The part received, 0 to 1. @example 0.4 */
  progress!: number;
  /** @example 8388608 */
  chunk_size!: number;
  /** @example 3 */
  chunk_count!: number;
  /** SHA-256 of the file, once it is finalized. */
  sha256!: string | null;
  /** Why the last attempt to finalize it failed; null if none did. */
  error!: UploadError | null;
  /** When it began. @example 2026-01-01T12:00:00.000Z */
  created_at!: string;
  /** When it is dropped if it is still unfinished. @example 2026-01-02T12:00:00.000Z */
  expires_at!: string;
  /** When it was finalized; null if it was not. @example 2026-01-01T12:01:00.000Z */
  finalized_at!: string | null;
}

/** An upload with what is still missing of it. */
export class UploadStatusView extends UploadView {
  /** Indexes of the chunks received; none of an upload that expired unfinished. @example [0, 2] */
  received_chunks!: number[];
  /** Indexes of the chunks still missing: send these to go on. @example [1] */
  missing_chunks!: number[];
}
