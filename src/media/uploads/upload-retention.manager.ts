import { Inject } from '@nestjs/common';
import { ControlLoop, type Manager, type ManagerReport, type ManagerRun } from '../../managers/manager';
import { Db } from '../../platform/postgres/db';
import { removeEnded } from '../../platform/postgres/remove-ended';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';

/** Expired so long ago, its file gone, and no job knows of it; along the index of uploads by status. */
const ENDED = `status = 'expired' AND storage_key IS NULL AND updated_at < $2
  AND NOT EXISTS (SELECT FROM jobs WHERE upload_id = uploads.id)
  AND NOT EXISTS (SELECT FROM jobs WHERE captions_upload_id = uploads.id)`;

/**
 * Removes what is left of uploads in the history, once it is so long as the settings say since they expired: unfinished,
 * or with the last job that used them gone. They count for no quota by then; the storage in the daily report of a day
 * before that is told without them. What a job is made of stays as long as the job.
 */
@ControlLoop()
export class UploadRetention implements Manager {
  readonly name = 'upload-retention';
  readonly intervalMs = 300_000;

  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
  ) {}

  async run({ signal }: Pick<ManagerRun, 'signal'>): Promise<ManagerReport> {
    const { keep_days: keepDays } = this.settings.current().uploads;
    return { items: await removeEnded(this.db, { table: 'uploads', ended: ENDED, keepDays }, signal) };
  }
}
