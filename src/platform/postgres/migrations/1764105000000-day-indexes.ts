import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What finds the jobs of a day: those that ended by a tree, those that were created by a summary of the table's pages. */
export class DayIndexes1764105000000 implements MigrationInterface {
  name = 'DayIndexes1764105000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX jobs_finished_idx ON jobs (finished_at) WHERE finished_at IS NOT NULL;
      -- Jobs are written in the order of their creation, and are small: a summary of pages costs a write next to nothing.
      CREATE INDEX jobs_created_idx ON jobs USING brin (created_at) WITH (pages_per_range = 32, autosummarize = on);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX jobs_finished_idx, jobs_created_idx');
  }
}
