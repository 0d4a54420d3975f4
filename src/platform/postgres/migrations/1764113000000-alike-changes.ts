import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Changes that are alike but for the moment within a minute are one row with their number, where many jobs are moved at
 * once: no counter is finer than a minute. Of a thousand jobs that failed together that is a row in place of two
 * thousand, which were written, counted and removed again one by one.
 */
export class AlikeChanges1764113000000 implements MigrationInterface {
  name = 'AlikeChanges1764113000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE rollup_changes ADD COLUMN count integer NOT NULL DEFAULT 1 CHECK (count > 0);
      ${moving(
        `'job', status, becoming, now(), minute, minute, count(*)`,
        `(SELECT status, date_trunc('minute', created_at, 'UTC') AS minute
            FROM jobs WHERE id = ANY (job_ids) AND status <> becoming) moved GROUP BY status, minute`,
        `'step', agent, 'failed', now(), minute, count(*)`,
        `(SELECT agent, date_trunc('minute', coalesce(finished_at, updated_at), 'UTC') AS minute
            FROM steps WHERE job_id = ANY (job_ids) AND status = 'failed') failed GROUP BY agent, minute`,
        ', count',
      )}
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ${moving(
        `'job', status, becoming, now(), created_at, created_at`,
        `jobs WHERE id = ANY (job_ids) AND status <> becoming`,
        `'step', agent, 'failed', now(), coalesce(finished_at, updated_at)`,
        `steps WHERE job_id = ANY (job_ids) AND status = 'failed'`,
        '',
      )}
      INSERT INTO rollup_changes (kind, subject, was, became, at, was_at, became_at, wait_ms, run_ms)
        SELECT kind, subject, was, became, at, was_at, became_at, wait_ms, run_ms
        FROM rollup_changes, generate_series(2, count);
      ALTER TABLE rollup_changes DROP COLUMN count;
    `);
  }
}

/** The jobs are the caller's: locked, and about to be moved all, with their steps; see BulkRollups1764112000000. */
function moving(job: string, jobs: string, step: string, steps: string, count: string): string {
  return `
CREATE OR REPLACE FUNCTION rollup_moving(job_ids uuid[], becoming text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF becoming NOT IN ('queued', 'cancelled') THEN
    RAISE EXCEPTION 'What becomes % is counted row by row', becoming;
  END IF;
  INSERT INTO rollup_changes (kind, was, became, at, was_at, became_at${count}) SELECT ${job} FROM ${jobs};
  IF becoming = 'queued' THEN
    INSERT INTO rollup_changes (kind, subject, was, at, was_at${count}) SELECT ${step} FROM ${steps};
  END IF;
  PERFORM set_config('agentos.rollups', 'written', true);
END $$;`;
}
