import { Inject } from '@nestjs/common';
import { ControlLoop, type Manager, type ManagerReport, type ManagerRun } from '../../managers/manager';
import { eachInTurn } from '../../platform/errors/each-in-turn';
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
    const parts = [() => this.removeChunks(signal), () => this.removeFiles(signal)];
    return { items: await eachInTurn(parts, signal, (remove) => remove()) };
  }

  private async removeChunks(signal: AbortSignal): Promise<number> {
    const withFiles = await this.files.uploadIds();
    // Asked after the folders were listed: the row of an upload is there before its folder.
    const unfinished = await this.store.unfinishedOf(withFiles);
    const stale = new Date(Date.now() - STALE_MS);
    return eachInTurn(withFiles, signal, async (id) => {
      if (unfinished.has(id)) return this.files.discardStale(id, stale);
      await this.files.discard(id);
      return 0;
    });
  }

  /** Removes the files of uploads that have expired. First the rows, so that no job begins with a file that goes. */
  private async removeFiles(signal: AbortSignal): Promise<number> {
    await this.store.expireUnused(this.settings.current().uploads.unused_kept_s, BATCH);
    return eachInTurn(await this.store.leftovers(BATCH), signal, async ({ id, storageKey }) => {
      await this.blobs.delete(storageKey);
      await this.store.forgetFile(id);
      return 1;
    });
  }
}
