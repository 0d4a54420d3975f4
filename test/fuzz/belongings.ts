import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { BlobStore } from '../../src/platform/storage/blob-store';
import { DownloadLinks } from '../../src/platform/storage/download-links';
import type { HttpClient } from '../support/http-client';
import type { TestInstallation } from '../support/installation';
import { failedJob, waitingJob } from '../support/pipeline';

/** Ids of what belongs to somebody, by the names that the API has for them. */
export type Belongings = Readonly<Record<string, string[]>>;

/** Gives somebody one of everything that users have: uploads, jobs in several states, a clip with its file. */
export async function belongingsOf(
  installation: TestInstallation,
  user: { id: string },
  client: HttpClient,
): Promise<Belongings> {
  const { database } = installation;
  const { upload_id } = (
    await client.post<{ upload_id: string }>('/api/upload/init', { filename: 'a.mp4', size: 100 })
  ).data;
  const failed = await failedJob(database, user.id);
  const waiting = await waitingJob(database, user.id);
  const artifactId = await storedFile(installation, user.id);
  const clip_id = uuidv7();
  await database.query(
    `INSERT INTO clips (id, job_id, user_id, position, start_s, end_s, score, reasons)
     VALUES ($1, $2, $3, 1, 1.5, 16.5, 0.8, '[]')`,
    [clip_id, failed, user.id],
  );
  await database.query(`INSERT INTO clip_variants VALUES ($1, '16x9', 1280, 720, 15, $2)`, [
    clip_id,
    artifactId,
  ]);
  const link = installation.get(DownloadLinks).to(artifactId).url;
  return {
    user_id: [user.id],
    upload_id: [upload_id],
    job_id: [failed, waiting],
    clip_id: [clip_id],
    token: [link.split('/').at(-1) ?? ''],
  };
}

async function storedFile(installation: TestInstallation, userId: string): Promise<string> {
  const blobs = installation.get(BlobStore);
  const id = uuidv7();
  const source = join(await blobs.tempDir(), id);
  await writeFile(source, randomBytes(1_000));
  const key = `exports/${id}/file`;
  const { size, sha256 } = await blobs.put(key, source);
  await installation.database.query(
    `INSERT INTO artifacts (id, user_id, kind, name, content_type, storage_key, size_bytes, sha256)
     VALUES ($1, $2, 'clip', 'clip.mp4', 'video/mp4', $3, $4, $5)`,
    [id, userId, key, size, sha256],
  );
  return id;
}
