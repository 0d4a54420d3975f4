import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Finds the successor of a refresh token: when one is handed in again, and for each one that is removed. */
export class TokenParents1764114100000 implements MigrationInterface {
  name = 'TokenParents1764114100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE INDEX refresh_tokens_parent_idx ON refresh_tokens (parent_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX refresh_tokens_parent_idx');
  }
}
