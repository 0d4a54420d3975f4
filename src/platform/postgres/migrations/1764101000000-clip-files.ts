import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What belongs to clips besides their files: streams, subtitles, a storyboard, what was checked. */
export class ClipFiles1764101000000 implements MigrationInterface {
  name = 'ClipFiles1764101000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE jobs ADD COLUMN captions_upload_id uuid REFERENCES uploads (id);
      ALTER TABLE clips
        ADD COLUMN storyboard_artifact_id uuid REFERENCES artifacts (id),
        ADD COLUMN captions jsonb,
        ADD COLUMN needs_review boolean NOT NULL DEFAULT false,
        ADD COLUMN checks jsonb NOT NULL DEFAULT '[]';
      ALTER TABLE clip_variants ADD COLUMN hls_artifact_id uuid REFERENCES artifacts (id);

      CREATE INDEX jobs_captions_upload_idx ON jobs (captions_upload_id) WHERE captions_upload_id IS NOT NULL;
      CREATE INDEX clips_storyboard_idx ON clips (storyboard_artifact_id) WHERE storyboard_artifact_id IS NOT NULL;
      CREATE INDEX clip_variants_hls_idx ON clip_variants (hls_artifact_id) WHERE hls_artifact_id IS NOT NULL;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE clip_variants DROP COLUMN hls_artifact_id;
      ALTER TABLE clips DROP COLUMN storyboard_artifact_id, DROP COLUMN captions, DROP COLUMN needs_review,
        DROP COLUMN checks;
      ALTER TABLE jobs DROP COLUMN captions_upload_id;
    `);
  }
}
