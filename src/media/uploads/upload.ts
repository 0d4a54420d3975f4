import type { ChunkGeometry } from './chunk-geometry';

/**
 * `open` takes chunks; `finalizing` puts them together; `finalized` can become a job; `expired` was not
 * finished, or not used, in time.
 */
export const UPLOAD_STATUSES = ['open', 'finalizing', 'finalized', 'expired'] as const;
export type UploadStatus = (typeof UPLOAD_STATUSES)[number];

/** A file that is being uploaded, or was. */
export interface Upload extends ChunkGeometry {
  readonly id: string;
  readonly userId: string;
  /** For people to read; never a path. */
  readonly filename: string;
  readonly contentType: string | null;
  readonly declaredSha256: string | null;
  readonly sha256: string | null;
  readonly status: UploadStatus;
  readonly receivedBytes: number;
  /** Why the last attempt to finalize failed. */
  readonly errorCode: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly expiresAt: Date;
  readonly finalizedAt: Date | null;
}

/** The key under which the finished file of an upload is stored, whether that is recorded already or not. */
export const storageKeyOf = (uploadId: string): string => `uploads/${uploadId}/source`;

/** What an upload begins with. */
export interface NewUpload {
  readonly userId: string;
  readonly filename: string;
  readonly sizeBytes: number;
  readonly contentType?: string;
  readonly sha256?: string;
  /** The chunk size that the client wants, in bytes; the installation's own if not given. */
  readonly chunkSize?: number;
}

/** A chunk that was received whole. */
export interface ReceivedChunk {
  readonly index: number;
  readonly sizeBytes: number;
  readonly sha256: string;
}
