import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Indexes along which every list, filter and count of jobs is read, whatever the number of jobs is; and one for each
 * reference that had none, so that deleting what is referred to does not look through the whole table that might.
 */
export class ListIndexes1764095000000 implements MigrationInterface {
  name = 'ListIndexes1764095000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX jobs_user_status_idx ON jobs (user_id, status, id DESC);
      CREATE INDEX jobs_error_idx ON jobs (error_code, id DESC) WHERE status = 'failed';
      CREATE INDEX jobs_user_error_idx ON jobs (user_id, error_code, id DESC) WHERE status = 'failed';
      CREATE INDEX uploads_status_idx ON uploads (status, id DESC);
      CREATE INDEX uploads_user_status_idx ON uploads (user_id, status, id DESC);

      CREATE INDEX jobs_upload_idx ON jobs (upload_id);
      CREATE INDEX artifacts_user_idx ON artifacts (user_id) WHERE user_id IS NOT NULL;
      CREATE INDEX clips_poster_idx ON clips (poster_artifact_id) WHERE poster_artifact_id IS NOT NULL;
      CREATE INDEX clip_variants_artifact_idx ON clip_variants (artifact_id);

      -- Estimates of how many rows lie between two times are as fine as this; by default they are off by up to 1 %.
      ALTER TABLE jobs ALTER COLUMN id SET STATISTICS 500;
      ALTER TABLE clips ALTER COLUMN id SET STATISTICS 500;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE clips ALTER COLUMN id SET STATISTICS -1;
      ALTER TABLE jobs ALTER COLUMN id SET STATISTICS -1;
      DROP INDEX clip_variants_artifact_idx, clips_poster_idx, artifacts_user_idx, jobs_upload_idx, uploads_user_status_idx,
        uploads_status_idx, jobs_user_error_idx, jobs_error_idx, jobs_user_status_idx;
    `);
  }
}
