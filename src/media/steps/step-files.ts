import { v7 as uuidv7 } from 'uuid';
import type { Db } from '../../platform/postgres/db';
import type { BlobStore, LocalFile } from '../../platform/storage/blob-store';
import type { ArtifactFile, PublishedArtifact } from '../agents/agent';
import type { ArtifactDraft } from './step-results';

/** Names become the last part of a storage key. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Under what all files of an attempt lie. */
export function attemptPrefix(of: { jobId: string; agent: string; attempt: number }): string {
  return `jobs/${of.jobId}/${of.agent}/${of.attempt}`;
}

/**
 * The files of one attempt. They lie under its own prefix, so that attempts never meet, and count only once
 * the step's completion stores their rows.
 */
export class StepFiles {
  readonly published: ArtifactDraft[] = [];
  private readonly held: LocalFile[] = [];
  private closed = false;

  constructor(
    private readonly db: Db,
    private readonly blobs: BlobStore,
    private readonly of: { jobId: string; agent: string; attempt: number },
  ) {}

  /**
   * Moves a finished file into the blob store.
   *
   * @param signal of the attempt: a store that sends the file somewhere stops with it, so that what is discarded then
   *   does not come after all
   */
  async publish(file: ArtifactFile, signal?: AbortSignal): Promise<PublishedArtifact> {
    if (this.closed) throw new Error('The attempt is over; nothing can be published any more');
    if (!NAME.test(file.name)) throw new Error(`An artifact cannot be called ${JSON.stringify(file.name)}`);
    if (this.published.some((other) => other.name === file.name))
      throw new Error(`The attempt has published ${file.name} before`);
    const storageKey = `${attemptPrefix(this.of)}/${file.name}`;
    const { size, sha256 } = await this.blobs.put(storageKey, file.path, undefined, signal);
    const id = uuidv7();
    const { name, kind, contentType } = file;
    this.published.push({ id, kind, name, contentType, storageKey, size, sha256 });
    return { artifact_id: id, name, size, sha256 };
  }

  /** The local path of a file of this job: one of an earlier step, or of this attempt. */
  async open(artifactId: string, signal?: AbortSignal): Promise<string> {
    const own = this.published.find((file) => file.id === artifactId);
    if (own) return this.local(own.storageKey, signal);
    const [row] = await this.db.query<{ storage_key: string }>(
      'SELECT storage_key FROM artifacts WHERE id = $1 AND job_id = $2',
      [artifactId, this.of.jobId],
    );
    if (!row) throw new Error(`The job has no artifact ${artifactId}`);
    return this.local(row.storage_key, signal);
  }

  /**
   * The path of a local file with what is stored under the key, which stays until {@link release}.
   *
   * @param signal of the attempt: it does not wait for a store that fetches the file from somewhere
   */
  async local(storageKey: string, signal?: AbortSignal): Promise<string> {
    const file = await this.blobs.local(storageKey, signal);
    this.held.push(file);
    return file.path;
  }

  /** Lets go of the local files: nothing of the attempt runs any more. */
  release(): void {
    for (const file of this.held) file.release();
  }

  /** From now on nothing can be published: the attempt is being settled. */
  close(): void {
    this.closed = true;
  }

  /** Removes what this attempt published. */
  async discard(): Promise<void> {
    this.close();
    await this.blobs.deletePrefix(attemptPrefix(this.of));
  }

  /** Removes what the attempts before this one left behind. */
  async discardEarlier(): Promise<void> {
    for (let attempt = 1; attempt < this.of.attempt; attempt += 1)
      await this.blobs.deletePrefix(attemptPrefix({ ...this.of, attempt }));
  }
}
