import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Keeps with each version of the settings what it changed: a list of {path, old, new}, secrets masked. */
export class SettingsChanges1764080000000 implements MigrationInterface {
  name = 'SettingsChanges1764080000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE settings_versions ADD COLUMN changes jsonb NOT NULL DEFAULT '[]'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE settings_versions DROP COLUMN changes');
  }
}
