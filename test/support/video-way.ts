import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { eventually } from './eventually';
import type { HttpClient } from './http-client';

/** A job as the API shows it. */
export interface Job {
  job_id: string;
  status: 'queued' | 'processing' | 'completed' | 'failed' | 'cancelled';
  progress: number;
  attempt: number;
  steps: { agent: string; status: string; progress: number; [key: string]: unknown }[];
  error?: { code: string; message: string } | null;
  [key: string]: unknown;
}

/** A clip as the API shows it. */
export interface Clip {
  clip_id: string;
  start_s: number;
  end_s: number;
  score: number;
  reasons: { sentence?: string }[];
  variants: { format: string; width: number; height: number; download_url: string }[];
  [key: string]: unknown;
}

/** What to create a job with whose clips do not matter: they cost a tenth of what the usual ones do. */
export const PLAIN_CLIPS = {
  settings: {
    'clip-renderer': { formats: ['original'], max_short_side: 180 },
    packager: { hls: false, storyboard: false },
  },
};

/** The states that a job does not leave by itself. */
export const SETTLED = ['completed', 'failed', 'cancelled'];

/** Uploads a file in chunks, each to the next of the clients, and returns the id of the upload. */
export async function upload(
  clients: HttpClient[],
  file: string | { name: string; bytes: Buffer },
): Promise<string> {
  const { name, bytes } =
    typeof file === 'string' ? { name: basename(file), bytes: readFileSync(file) } : file;
  const client = (index: number): HttpClient => {
    const chosen = clients[index % clients.length];
    if (!chosen) throw new Error('no client to upload with');
    return chosen;
  };
  const init = await client(0).post<{ upload_id: string; chunk_size: number }>('/api/upload/init', {
    filename: name,
    size: bytes.length,
    content_type: 'video/mp4',
  });
  const { upload_id: uploadId, chunk_size: chunkSize } = init.data;
  for (let index = 0; index * chunkSize < bytes.length; index += 1) {
    const chunk = bytes.subarray(index * chunkSize, (index + 1) * chunkSize);
    const answer = await client(index + 1).call<{ received_bytes: number }>(
      'POST',
      `/api/upload/chunk?upload_id=${uploadId}&index=${index}`,
      { raw: chunk, headers: { 'x-chunk-sha256': sha256(chunk) } },
    );
    void answer.data; // throws unless it was taken
  }
  const finalized = await client(1).post<{ status: string; size: number; sha256: string }>(
    '/api/upload/finalize',
    {
      upload_id: uploadId,
      sha256: sha256(bytes),
    },
  );
  expect(finalized.data).toMatchObject({ status: 'finalized', size: bytes.length, sha256: sha256(bytes) });
  return uploadId;
}

/** Creates a job for an upload and returns its id. */
export async function createJob(client: HttpClient, uploadId: string, more: object = {}): Promise<string> {
  const answer = await client.post<{ job_id: string }>('/api/jobs/create', { upload_id: uploadId, ...more });
  expect(answer.status).toBe(201);
  return answer.data.job_id;
}

/** The job as the API shows it now. */
export async function readJob(client: HttpClient, jobId: string): Promise<Job> {
  return (await client.get<Job>(`/api/jobs/${jobId}`)).data;
}

/** Waits until the job is in one of the states that it does not leave. */
export async function settled(client: HttpClient, jobId: string, timeoutMs = 90_000): Promise<Job> {
  return eventually(
    async () => {
      const job = await readJob(client, jobId);
      if (!SETTLED.includes(job.status)) {
        const steps = job.steps.map((step) => `${step.agent}=${step.status}`).join(' ');
        throw new Error(`the job is still ${job.status} after ${timeoutMs} ms: ${steps}`);
      }
      return job;
    },
    { timeoutMs, intervalMs: 400 },
  );
}

/** The clips of a job. */
export async function clipsOf(client: HttpClient, jobId: string): Promise<Clip[]> {
  return (await client.get<Clip[]>(`/api/jobs/${jobId}/clips`)).data;
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
