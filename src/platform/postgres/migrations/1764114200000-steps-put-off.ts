import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Since when a step waits for a service that is at rest; null unless it was put off since it was made or retried. */
export class StepsPutOff1764114200000 implements MigrationInterface {
  name = 'StepsPutOff1764114200000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE steps ADD COLUMN put_off_since timestamptz');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE steps DROP COLUMN put_off_since');
  }
}
