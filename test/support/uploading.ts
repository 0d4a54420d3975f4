import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Answer, HttpClient } from './http-client';

/** The smallest chunk size that a client may wish. */
export const CHUNK = 65_536;

/** What `POST /api/upload/init` answers. */
export interface Begun {
  upload_id: string;
  filename: string;
  chunk_size: number;
  chunk_count: number;
  expires_at: string;
}

/** What `GET /api/upload/status/{id}` answers, as far as tests look at it. */
export interface Status {
  status: string;
  received_bytes: number;
  received_chunks: number[];
  missing_chunks: number[];
  sha256: string | null;
  error: { code: string } | null;
}

/** Bytes that no compression or mix-up leaves unnoticed. */
export function randomFile(size: number): Buffer {
  return randomBytes(size);
}

/** In hexadecimal. */
export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Begins an upload with the smallest chunks. */
export async function begin(client: HttpClient, size: number, more: object = {}): Promise<Begun> {
  const body = { filename: 'video.mp4', size, chunk_size: CHUNK, ...more };
  return (await client.post<Begun>('/api/upload/init', body)).data;
}

/** The bytes of a chunk. */
export function chunkOf(file: Buffer, index: number, size = CHUNK): Buffer {
  return file.subarray(index * size, (index + 1) * size);
}

/** Sends a chunk. */
export function send(
  client: HttpClient,
  uploadId: string,
  index: number | string,
  raw: Buffer,
  headers: Record<string, string> = {},
): Promise<Answer<{ received_bytes: number; chunk_bytes: number; sha256: string }>> {
  return client.call('POST', `/api/upload/chunk?upload_id=${uploadId}&index=${index}`, { raw, headers });
}

/** Finalizes. */
export function finalize(
  client: HttpClient,
  uploadId: string,
  checksum?: string,
): Promise<Answer<{ status: string; size: number; sha256: string }>> {
  return client.post('/api/upload/finalize', {
    upload_id: uploadId,
    ...(checksum ? { sha256: checksum } : {}),
  });
}

/** How an upload stands. */
export async function statusOf(client: HttpClient, uploadId: string): Promise<Status> {
  return (await client.get<Status>(`/api/upload/status/${uploadId}`)).data;
}

/** Status and code of an answer, to compare at once. */
export function outcome(answer: Answer): { status: number; code: string | undefined } {
  return { status: answer.status, code: answer.body.error_code };
}

/** The files below a folder with their sizes, by their path in it. */
export function filesBelow(folder: string): Record<string, number> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const files = names.map((name) => ({ name, stat: statSync(join(folder, name)) }));
  return Object.fromEntries(
    files.filter(({ stat }) => stat.isFile()).map(({ name, stat }) => [name, stat.size]),
  );
}
