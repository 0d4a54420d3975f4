import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The span that asked for a job or an operation, as the header fields of W3C Trace Context: what a worker or a manager
 * does for it becomes a part of the same trace, and is recorded if that is.
 */
export class TraceParents1764070300000 implements MigrationInterface {
  name = 'TraceParents1764070300000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE jobs ADD COLUMN trace_context jsonb');
    await runner.query('ALTER TABLE executions ADD COLUMN trace_context jsonb');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE executions DROP COLUMN trace_context');
    await runner.query('ALTER TABLE jobs DROP COLUMN trace_context');
  }
}
