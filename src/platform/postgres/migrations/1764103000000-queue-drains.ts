import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Queues that take nothing new in, and failed entries that an operator has cleared away. */
export class QueueDrains1764103000000 implements MigrationInterface {
  name = 'QueueDrains1764103000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE queues
        -- What was queued after this waits in Postgres until the queue is resumed.
        ADD COLUMN drain_since timestamptz,
        -- When nothing older was left.
        ADD COLUMN drained_at timestamptz,
        -- Steps that failed before this count as failed in the queue no more.
        ADD COLUMN purged_before timestamptz,
        ADD CHECK (drained_at IS NULL OR drain_since IS NOT NULL);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE queues DROP COLUMN drain_since, DROP COLUMN drained_at, DROP COLUMN purged_before;
    `);
  }
}
