import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What operations need to be gone on with after their process died, and to be stopped by somebody. */
export class Operations1764086400000 implements MigrationInterface {
  name = 'Operations1764086400000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE executions
        -- What an operation has kept of how far it is; whoever runs it next goes on from there.
        ADD COLUMN checkpoint jsonb,
        -- How often a process began to run it and neither ended it nor gave it back.
        ADD COLUMN attempts integer NOT NULL DEFAULT 0,
        ADD COLUMN abort_requested_by uuid REFERENCES users (id);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE executions DROP COLUMN checkpoint, DROP COLUMN attempts, DROP COLUMN abort_requested_by',
    );
  }
}
