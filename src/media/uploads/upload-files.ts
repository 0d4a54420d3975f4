import { Inject, Injectable } from '@nestjs/common';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { BlobStore } from '../../platform/storage/blob-store';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const INCOMING = 'incoming-';

/**
 * Where the chunks of unfinished uploads lie: one folder per upload, which all api processes share. A chunk that
 * is still coming in has a file of its own; a received one is named by its index and its checksum, so that
 * writers of different bytes never touch each other's file and which one counts is decided in Postgres.
 */
@Injectable()
export class UploadFiles {
  constructor(@Inject(BlobStore) private readonly blobs: BlobStore) {}

  /** A new path for a chunk that comes in. Its folder exists. */
  async incoming(uploadId: string): Promise<string> {
    const folder = await this.folder(uploadId);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return join(folder, INCOMING + uuidv7());
  }

  /** The path of a received chunk. */
  async chunk(uploadId: string, index: number, sha256: string): Promise<string> {
    return join(await this.folder(uploadId), `${index}-${sha256}`);
  }

  /** The path of the file that the chunks are put together in. */
  async assembled(uploadId: string): Promise<string> {
    return join(await this.folder(uploadId), 'assembled');
  }

  /** Removes all files of an upload. */
  async discard(uploadId: string): Promise<void> {
    await rm(await this.folder(uploadId), { recursive: true, force: true });
  }

  /** The uploads that have files here. */
  async uploadIds(): Promise<string[]> {
    const names = await entries(await this.root());
    return names.filter((name) => UUID.test(name));
  }

  /** Removes what cut connections of killed processes left behind: files not written to since `before`. */
  async discardStale(uploadId: string, before: Date): Promise<number> {
    const folder = await this.folder(uploadId);
    let removed = 0;
    for (const name of await entries(folder)) {
      if (!name.startsWith(INCOMING)) continue;
      const path = join(folder, name);
      const found = await stat(path).catch(() => undefined);
      if (!found || found.mtime >= before) continue;
      await rm(path, { force: true });
      removed += 1;
    }
    return removed;
  }

  private async root(): Promise<string> {
    return join(await this.blobs.tempDir(), 'uploads');
  }

  private async folder(uploadId: string): Promise<string> {
    if (!UUID.test(uploadId)) throw new Error('An upload id is malformed');
    return join(await this.root(), uploadId);
  }
}

/** The names in a folder; none if there is no such folder. */
async function entries(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
