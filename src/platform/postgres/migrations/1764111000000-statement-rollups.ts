import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What rows that are made or removed mean for the roll-ups is written once for the whole statement, and no longer row
 * by row: of many rows that costs a tenth.
 *
 * What rows that change mean is still written for each. A statement's trigger cannot ask whether the status was
 * changed before Postgres has put all old and new rows aside and the trigger has joined them. Nearly all statements
 * that change a job or a step change one row, and most of those its progress or its lease: those would take twice as
 * long, and changes of a thousand rows gain a tenth.
 */
export class StatementRollups1764111000000 implements MigrationInterface {
  name = 'StatementRollups1764111000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [DROP_BY_ROW, STEPS, JOBS, CLIPS]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TRIGGER clips_rollup_made ON clips;
      DROP TRIGGER jobs_rollup_made ON jobs;
      DROP TRIGGER jobs_rollup_removed ON jobs;
      DROP TRIGGER steps_rollup_made ON steps;
      DROP TRIGGER steps_rollup_removed ON steps;
      DROP FUNCTION rollup_clips_made(), rollup_jobs_made(), rollup_jobs_removed(), rollup_steps_made(), rollup_steps_removed();
    `);
    await runner.query(BY_ROW);
  }
}

const DROP_BY_ROW = `
DROP TRIGGER clips_rollup_made ON clips;
DROP TRIGGER jobs_rollup_made ON jobs;
DROP TRIGGER jobs_rollup_removed ON jobs;
DROP TRIGGER steps_rollup_made ON steps;
DROP TRIGGER steps_rollup_removed ON steps;
DROP FUNCTION rollup_clip();
`;

const STEPS = `
CREATE FUNCTION rollup_steps_made() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO rollup_changes (kind, subject, became, at, became_at, wait_ms, run_ms)
    SELECT 'step', agent, status, coalesce(finished_at, updated_at), coalesce(finished_at, updated_at),
      extract(epoch FROM started_at - queued_at) * 1000, extract(epoch FROM finished_at - started_at) * 1000
    FROM made WHERE status IN ('completed', 'failed', 'skipped');
  RETURN NULL;
END $$;
CREATE FUNCTION rollup_steps_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO rollup_changes (kind, subject, was, at, was_at)
    SELECT 'step', agent, status, now(), coalesce(finished_at, updated_at) FROM removed WHERE status = 'failed';
  RETURN NULL;
END $$;
CREATE TRIGGER steps_rollup_made AFTER INSERT ON steps REFERENCING NEW TABLE AS made
  FOR EACH STATEMENT EXECUTE FUNCTION rollup_steps_made();
CREATE TRIGGER steps_rollup_removed AFTER DELETE ON steps REFERENCING OLD TABLE AS removed
  FOR EACH STATEMENT EXECUTE FUNCTION rollup_steps_removed();
`;

const JOBS = `
CREATE FUNCTION rollup_jobs_made() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO rollup_changes (kind, subject, became, at, became_at, run_ms)
    SELECT 'job', CASE status WHEN 'failed' THEN error_code END, status, coalesce(finished_at, now()), created_at,
      CASE status WHEN 'completed' THEN extract(epoch FROM finished_at - created_at) * 1000 END
    FROM made;
  RETURN NULL;
END $$;
CREATE FUNCTION rollup_jobs_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO rollup_changes (kind, was, at, was_at) SELECT 'job', status, now(), created_at FROM removed;
  RETURN NULL;
END $$;
CREATE TRIGGER jobs_rollup_made AFTER INSERT ON jobs REFERENCING NEW TABLE AS made
  FOR EACH STATEMENT EXECUTE FUNCTION rollup_jobs_made();
CREATE TRIGGER jobs_rollup_removed AFTER DELETE ON jobs REFERENCING OLD TABLE AS removed
  FOR EACH STATEMENT EXECUTE FUNCTION rollup_jobs_removed();
`;

const CLIPS = `
CREATE FUNCTION rollup_clips_made() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO rollup_changes (kind, became, at, became_at) SELECT 'clip', 'made', created_at, created_at FROM made;
  RETURN NULL;
END $$;
CREATE TRIGGER clips_rollup_made AFTER INSERT ON clips REFERENCING NEW TABLE AS made
  FOR EACH STATEMENT EXECUTE FUNCTION rollup_clips_made();
`;

const BY_ROW = `
CREATE TRIGGER steps_rollup_made AFTER INSERT ON steps FOR EACH ROW
  WHEN (NEW.status IN ('completed', 'failed', 'skipped')) EXECUTE FUNCTION rollup_step();
CREATE TRIGGER steps_rollup_removed AFTER DELETE ON steps FOR EACH ROW
  WHEN (OLD.status = 'failed') EXECUTE FUNCTION rollup_step();
CREATE TRIGGER jobs_rollup_made AFTER INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION rollup_job();
CREATE TRIGGER jobs_rollup_removed AFTER DELETE ON jobs FOR EACH ROW EXECUTE FUNCTION rollup_job();
CREATE FUNCTION rollup_clip() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO rollup_changes (kind, became, at, became_at) VALUES ('clip', 'made', NEW.created_at, NEW.created_at);
  RETURN NULL;
END $$;
CREATE TRIGGER clips_rollup_made AFTER INSERT ON clips FOR EACH ROW EXECUTE FUNCTION rollup_clip();
`;
