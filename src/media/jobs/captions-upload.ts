import { AppError } from '../../platform/errors/app-error';
import { bodyField } from '../../platform/errors/field-errors';
import type { Tx } from '../../platform/postgres/db';
import { MAX_CAPTIONS_BYTES } from '../agents/captioner.agent';

/**
 * Refuses uploads that are no subtitles by name and size; what is in them shows when they are read.
 *
 * @throws AppError UPLOAD_NOT_FOUND, UPLOAD_EXPIRED, UPLOAD_NOT_FINALIZED, VALIDATION_ERROR
 */
export async function checkCaptions(tx: Tx, uploadId: string, userId: string): Promise<void> {
  const [upload] = await tx.query<{ filename: string; status: string; user_id: string; size_bytes: number }>(
    'SELECT filename, status, user_id, size_bytes FROM uploads WHERE id = $1 FOR NO KEY UPDATE',
    [uploadId],
  );
  if (!upload || upload.user_id !== userId)
    throw new AppError('UPLOAD_NOT_FOUND', 'There is no upload of yours with the subtitles.');
  if (upload.status === 'expired') throw new AppError('UPLOAD_EXPIRED');
  if (upload.status !== 'finalized') throw new AppError('UPLOAD_NOT_FINALIZED');
  const wrong = !/\.(srt|vtt)$/i.test(upload.filename)
    ? 'must be an upload whose name ends with .srt or .vtt'
    : upload.size_bytes > MAX_CAPTIONS_BYTES
      ? `must be an upload of at most ${MAX_CAPTIONS_BYTES / 1_048_576} MiB`
      : undefined;
  if (wrong !== undefined)
    throw new AppError('VALIDATION_ERROR', 'The subtitles of the job are not valid.', {
      details: [bodyField(['captions_upload_id'], wrong)],
    });
}
