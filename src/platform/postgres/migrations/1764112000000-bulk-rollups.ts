import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What it means for the roll-ups that many jobs change alike can be written at once, by `rollup_moving()`; the changes
 * of the rows, which its transaction makes then, are not written a second time. Row by row that was a third of what
 * it cost Postgres to retry a thousand jobs, and half of what it cost to cancel them.
 *
 * Whoever says nothing is counted row by row as before: a transaction has to ask for it, and it ends with `rollup_moved()`
 * or with the transaction.
 */
export class BulkRollups1764112000000 implements MigrationInterface {
  name = 'BulkRollups1764112000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(FUNCTIONS);
    await runner.query(triggers(` AND current_setting('agentos.rollups', true) IS DISTINCT FROM 'written'`));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(triggers(''));
    await runner.query('DROP FUNCTION rollup_moving(uuid[], text), rollup_moved()');
  }
}

/**
 * The jobs are the caller's: locked, and about to be moved all, with their steps. Those that are queued again have each
 * failed step run again; those that are cancelled leave it as it is.
 */
const FUNCTIONS = `
CREATE FUNCTION rollup_moving(job_ids uuid[], becoming text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF becoming NOT IN ('queued', 'cancelled') THEN
    RAISE EXCEPTION 'What becomes % is counted row by row', becoming;
  END IF;
  INSERT INTO rollup_changes (kind, was, became, at, was_at, became_at)
    SELECT 'job', status, becoming, now(), created_at, created_at
    FROM jobs WHERE id = ANY (job_ids) AND status <> becoming;
  IF becoming = 'queued' THEN
    INSERT INTO rollup_changes (kind, subject, was, at, was_at)
      SELECT 'step', agent, 'failed', now(), coalesce(finished_at, updated_at)
      FROM steps WHERE job_id = ANY (job_ids) AND status = 'failed';
  END IF;
  PERFORM set_config('agentos.rollups', 'written', true);
END $$;
CREATE FUNCTION rollup_moved() RETURNS void LANGUAGE sql AS $$
  SELECT set_config('agentos.rollups', '', true);
$$;
`;

function triggers(unless: string): string {
  return `
DROP TRIGGER jobs_rollup_moved ON jobs;
DROP TRIGGER steps_rollup_moved ON steps;
CREATE TRIGGER jobs_rollup_moved AFTER UPDATE OF status ON jobs FOR EACH ROW
  WHEN (OLD.status <> NEW.status${unless}) EXECUTE FUNCTION rollup_job();
CREATE TRIGGER steps_rollup_moved AFTER UPDATE OF status ON steps FOR EACH ROW
  WHEN (OLD.status <> NEW.status AND (OLD.status = 'failed' OR NEW.status IN ('completed', 'failed', 'skipped'))${unless})
  EXECUTE FUNCTION rollup_step();
`;
}
