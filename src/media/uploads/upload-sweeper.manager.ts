import { Inject } from '@nestjs/common';
import { ControlLoop, type Manager, type ManagerReport, type ManagerRun } from '../../managers/manager';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';
import { BlobStore } from '../../platform/storage/blob-store';
import { UploadFiles } from './upload-files';
import { UploadStore } from './upload-store';

/** Uploads that one run closes at most; the rest waits for the next. */
const BATCH = 500;
/** A chunk that is coming in is written to all the time; one that was not for so long never ends, in milliseconds. */
const STALE_MS = 3_600_000;

/**
 * Closes uploads that were not finished in time, or that no job used for long, and removes their files, also those
 * that a process left behind when it was killed.
 */
@ControlLoop()
export class UploadSweeper implements Manager {
  readonly name = 'upload-sweeper';
  readonly intervalMs = 30_000;

  constructor(
    @Inject(UploadStore) private readonly store: UploadStore,
    @Inject(UploadFiles) private readonly files: UploadFiles,
    @Inject(BlobStore) private readonly blobs: BlobStore,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
  ) {}

  async run({ signal }: Pick<ManagerRun, 'signal'>): Promise<ManagerReport> {
    await this.store.expire(BATCH);
    const withFiles = await this.files.uploadIds();
    // Asked after the folders were listed: the row of an upload is there before its folder.
    const unfinished = await this.store.unfinishedOf(withFiles);
    const stale = new Date(Date.now() - STALE_MS);
    let removed = 0;
    for (const id of withFiles) {
      if (signal.aborted) break;
      if (unfinished.has(id)) removed += await this.files.discardStale(id, stale);
      else await this.files.discard(id);
    }
    return { items: removed + (await this.removeFiles(signal)) };
  }

  /** Removes the files of uploads that have expired. First the rows, so that no job begins with a file that goes. */
  private async removeFiles(signal: AbortSignal): Promise<number> {
    await this.store.expireUnused(this.settings.current().uploads.unused_kept_s, BATCH);
    let removed = 0;
    for (const { id, storageKey } of await this.store.leftovers(BATCH)) {
      if (signal.aborted) break;
      await this.blobs.delete(storageKey);
      await this.store.forgetFile(id);
      removed += 1;
    }
    return removed;
  }
}
