import type { Upload } from '../../media/uploads/upload';
import { ERROR_CODES, type ErrorCode } from '../../platform/errors/error-codes';
import type { UploadStatusView, UploadView } from './uploads.dto';

/** An upload as the API shows it. */
export function uploadView(upload: Upload): UploadView {
  return {
    upload_id: upload.id,
    filename: upload.filename,
    content_type: upload.contentType,
    status: upload.status,
    size: upload.sizeBytes,
    received_bytes: upload.receivedBytes,
    progress: upload.receivedBytes / upload.sizeBytes,
    chunk_size: upload.chunkSize,
    chunk_count: upload.chunkCount,
    sha256: upload.sha256,
    error: upload.errorCode ? { code: upload.errorCode, message: meaning(upload.errorCode) } : null,
    created_at: upload.createdAt.toISOString(),
    expires_at: upload.expiresAt.toISOString(),
    finalized_at: upload.finalizedAt?.toISOString() ?? null,
  };
}

/** An upload with the indexes of the chunks that were received. */
export function uploadStatusView(upload: Upload, received: number[]): UploadStatusView {
  const there = new Set(received);
  const all = Array.from({ length: upload.chunkCount }, (_, index) => index);
  // What an expired upload lacks cannot be sent any more.
  const missing = upload.status === 'expired' ? [] : all.filter((index) => !there.has(index));
  return { ...uploadView(upload), received_chunks: received, missing_chunks: missing };
}

function meaning(code: string): string {
  return Object.hasOwn(ERROR_CODES, code)
    ? ERROR_CODES[code as ErrorCode].meaning
    : 'The upload could not be finalized.';
}
