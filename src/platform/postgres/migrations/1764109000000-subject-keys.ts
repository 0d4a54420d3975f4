import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Keys under which the audit keeps what is personal, one for each person: destroying one erases all of theirs. */
export class SubjectKeys1764109000000 implements MigrationInterface {
  name = 'SubjectKeys1764109000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE subject_keys (
        -- A user's id, and no reference: the row says for ever that the key was destroyed.
        subject_id uuid PRIMARY KEY,
        -- Under a key that is derived from the installation's secret; null once it is destroyed.
        wrapped bytea,
        created_at timestamptz NOT NULL DEFAULT now(),
        destroyed_at timestamptz,
        CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL))
      );
      DO $$ BEGIN
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'agentos_app') AND current_user <> 'agentos_app' THEN
          GRANT SELECT, INSERT ON subject_keys TO agentos_app;
          GRANT UPDATE (wrapped, destroyed_at) ON subject_keys TO agentos_app;
        END IF;
      END $$;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE subject_keys');
  }
}
