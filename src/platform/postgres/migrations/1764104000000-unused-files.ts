import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What files are needed for no longer: uploads that no job uses, exports that have expired. */
export class UnusedFiles1764104000000 implements MigrationInterface {
  name = 'UnusedFiles1764104000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Since when no job uses the finalized file; null while one does.
      ALTER TABLE uploads ADD COLUMN unused_since timestamptz;
      UPDATE uploads u SET unused_since = now()
        WHERE status = 'finalized'
          AND NOT EXISTS (SELECT FROM jobs WHERE upload_id = u.id)
          AND NOT EXISTS (SELECT FROM jobs WHERE captions_upload_id = u.id);
      CREATE INDEX uploads_unused_idx ON uploads (unused_since) WHERE unused_since IS NOT NULL;
      CREATE INDEX uploads_leftover_idx ON uploads (id) WHERE status = 'expired' AND storage_key IS NOT NULL;
      CREATE INDEX artifacts_expiry_idx ON artifacts (expires_at) WHERE expires_at IS NOT NULL;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX artifacts_expiry_idx, uploads_leftover_idx;
      ALTER TABLE uploads DROP COLUMN unused_since;
    `);
  }
}
