import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from './api-client';

/** How long the server may take to put a large file together, in milliseconds. */
const FINALIZE_LIMIT_MS = 600_000;

/**
 * Uploads a file in chunks, each with its checksum.
 *
 * @param onProgress told the bytes that have arrived
 * @returns the id of the finalized upload
 */
export async function uploadFile(
  api: ApiClient,
  path: string,
  onProgress: (sent: number, total: number) => void = () => undefined,
): Promise<string> {
  const { size } = await stat(path);
  const { upload_id, chunk_size } = await api.request<{ upload_id: string; chunk_size: number }>(
    'POST',
    '/api/upload/init',
    { body: { filename: basename(path), size } },
  );
  const file = await open(path);
  try {
    for (let index = 0; index * chunk_size < size; index++) {
      const length = Math.min(chunk_size, size - index * chunk_size);
      const chunk = Buffer.alloc(length);
      await file.read(chunk, 0, length, index * chunk_size);
      const headers = { 'x-chunk-sha256': createHash('sha256').update(chunk).digest('hex') };
      await api.request('POST', `/api/upload/chunk?upload_id=${upload_id}&index=${index}`, {
        body: chunk,
        headers,
      });
      onProgress(index * chunk_size + length, size);
    }
  } finally {
    await file.close();
  }
  await finalize(api, upload_id);
  return upload_id;
}

/** Asking again for an upload that is still being put together is harmless, so that is how it is waited for. */
async function finalize(api: ApiClient, uploadId: string): Promise<void> {
  for (const end = Date.now() + FINALIZE_LIMIT_MS; Date.now() < end; await sleep(1_000)) {
    const body = { upload_id: uploadId };
    const { status } = await api.request<{ status: string }>('POST', '/api/upload/finalize', { body });
    if (status === 'finalized') return;
  }
  throw new Error(
    `The upload ${uploadId} was not put together within ${FINALIZE_LIMIT_MS / 60_000} minutes.`,
  );
}
