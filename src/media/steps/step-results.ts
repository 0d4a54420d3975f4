import { v7 as uuidv7 } from 'uuid';
import type { Tx } from '../../platform/postgres/db';
import type { ClipDraft } from '../agents/agent';
import type { NewClip } from '../flow/flow-changes';

/** A file that an attempt put into the blob store; it counts once its row is there. */
export interface ArtifactDraft {
  id: string;
  kind: string;
  name: string;
  contentType: string;
  storageKey: string;
  size: number;
  sha256: string;
}

/** Stores the rows of an attempt's files. */
export async function insertArtifacts(
  tx: Tx,
  of: { jobId: string; stepId: string },
  userId: string,
  artifacts: readonly ArtifactDraft[],
): Promise<void> {
  for (const file of artifacts) {
    await tx.execute(
      `INSERT INTO artifacts (id, job_id, step_id, user_id, kind, name, content_type, storage_key, size_bytes, sha256)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
      [
        file.id,
        of.jobId,
        of.stepId,
        userId,
        file.kind,
        file.name,
        file.contentType,
        file.storageKey,
        file.size,
        file.sha256,
      ],
    );
  }
}

/** Stores the clips of a job, in place of those that it had, and answers with them. */
export async function insertClips(
  tx: Tx,
  job: { id: string; user_id: string },
  clips: readonly ClipDraft[],
): Promise<NewClip[]> {
  await tx.execute('DELETE FROM clips WHERE job_id = $1', [job.id]);
  const stored: NewClip[] = [];
  for (const clip of clips) {
    const id = uuidv7();
    await tx.execute(
      `INSERT INTO clips (id, job_id, user_id, position, start_s, end_s, score, reasons, poster_artifact_id,
         storyboard_artifact_id, captions, needs_review, checks)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
      [
        id,
        job.id,
        job.user_id,
        clip.position,
        clip.start_s,
        clip.end_s,
        clip.score,
        JSON.stringify(clip.reasons),
        clip.poster_artifact_id,
        clip.storyboard_artifact_id,
        clip.captions && JSON.stringify(clip.captions),
        clip.needs_review,
        JSON.stringify(clip.checks),
      ],
    );
    for (const variant of clip.variants) {
      await tx.execute(
        `INSERT INTO clip_variants (clip_id, format, width, height, duration_s, artifact_id, hls_artifact_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7)`,
        [
          id,
          variant.format,
          variant.width,
          variant.height,
          variant.duration_s,
          variant.artifact_id,
          variant.hls_artifact_id,
        ],
      );
    }
    const { position, start_s, end_s, score } = clip;
    stored.push({ job_id: job.id, clip_id: id, position, start_s, end_s, score });
  }
  return stored;
}

/** Forgets what these steps produced: their artifacts, and their jobs' clips, which are made of such. */
export async function deleteResults(
  tx: Tx,
  jobIds: readonly string[],
  stepIds: readonly string[],
): Promise<void> {
  // Mostly there is nothing: a step that failed has no files, and those of others are kept.
  const [made] = await tx.query('SELECT FROM artifacts WHERE step_id = ANY($1) LIMIT 1', [stepIds]);
  if (!made) return;
  await tx.execute(
    `DELETE FROM clips c WHERE c.job_id = ANY($1) AND EXISTS (
       SELECT FROM artifacts a WHERE a.step_id = ANY($2) AND (
         a.id = c.poster_artifact_id
         OR EXISTS (SELECT FROM clip_variants v WHERE v.clip_id = c.id AND v.artifact_id = a.id)))`,
    [jobIds, stepIds],
  );
  await tx.execute('DELETE FROM artifacts WHERE step_id = ANY($1)', [stepIds]);
}
