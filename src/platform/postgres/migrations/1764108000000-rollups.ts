import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Counters by minute, hour and day, and the changes of jobs, steps and clips that are not counted yet. A change is
 * written by a trigger in the transaction that makes it, so none is missed, whoever makes it and whatever dies; it
 * is taken out by the transaction that counts it, so none counts twice.
 */
export class Rollups1764108000000 implements MigrationInterface {
  name = 'Rollups1764108000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [TABLES, STEPS, JOBS, CLIPS, HISTORY, GRANTS]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TRIGGER clips_rollup_made ON clips;
      DROP TRIGGER jobs_rollup_made ON jobs;
      DROP TRIGGER jobs_rollup_moved ON jobs;
      DROP TRIGGER jobs_rollup_removed ON jobs;
      DROP TRIGGER steps_rollup_made ON steps;
      DROP TRIGGER steps_rollup_moved ON steps;
      DROP TRIGGER steps_rollup_removed ON steps;
      DROP FUNCTION rollup_clip(), rollup_job(), rollup_step();
      DROP TABLE rollup_changes, rollups;
    `);
  }
}

const TABLES = `
CREATE TABLE rollups (
  grain text NOT NULL CHECK (grain IN ('minute', 'hour', 'day')),
  metric text NOT NULL,
  -- Where it begins, by UTC.
  at timestamptz NOT NULL,
  -- An agent, an error code, or nothing.
  subject text NOT NULL,
  -- Of a histogram; 0 for a plain counter.
  bucket smallint NOT NULL,
  count bigint NOT NULL,
  PRIMARY KEY (grain, metric, at, subject, bucket)
) WITH (fillfactor = 80);

CREATE TABLE rollup_changes (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('step', 'job', 'clip')),
  -- The agent of a step, the error code of a job.
  subject text,
  -- Statuses; null before it was made, or after it was removed.
  was text,
  became text,
  -- When it came to what it became.
  at timestamptz NOT NULL,
  -- The moments under which it counts while it is what it was, and what it became.
  was_at timestamptz,
  became_at timestamptz,
  wait_ms double precision,
  run_ms double precision
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
`;

/** Of steps, what ended other than by cancelling counts, and failed ones for as long as they are failed. */
const STEPS = `
CREATE FUNCTION rollup_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' AND OLD.status = 'failed' THEN
    INSERT INTO rollup_changes (kind, subject, was, at, was_at)
    VALUES ('step', OLD.agent, 'failed', now(), coalesce(OLD.finished_at, OLD.updated_at));
  END IF;
  IF TG_OP <> 'DELETE' AND NEW.status IN ('completed', 'failed', 'skipped') THEN
    INSERT INTO rollup_changes (kind, subject, became, at, became_at, wait_ms, run_ms)
    VALUES ('step', NEW.agent, NEW.status, coalesce(NEW.finished_at, NEW.updated_at), coalesce(NEW.finished_at, NEW.updated_at),
      extract(epoch FROM NEW.started_at - NEW.queued_at) * 1000, extract(epoch FROM NEW.finished_at - NEW.started_at) * 1000);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER steps_rollup_made AFTER INSERT ON steps FOR EACH ROW
  WHEN (NEW.status IN ('completed', 'failed', 'skipped')) EXECUTE FUNCTION rollup_step();
CREATE TRIGGER steps_rollup_moved AFTER UPDATE OF status ON steps FOR EACH ROW
  WHEN (OLD.status <> NEW.status AND (OLD.status = 'failed' OR NEW.status IN ('completed', 'failed', 'skipped')))
  EXECUTE FUNCTION rollup_step();
CREATE TRIGGER steps_rollup_removed AFTER DELETE ON steps FOR EACH ROW
  WHEN (OLD.status = 'failed') EXECUTE FUNCTION rollup_step();
`;

/** Jobs count in each status, under the time of their creation, and each time that one ends. */
const JOBS = `
CREATE FUNCTION rollup_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    INSERT INTO rollup_changes (kind, was, at, was_at) VALUES ('job', OLD.status, now(), OLD.created_at);
  ELSE
    INSERT INTO rollup_changes (kind, subject, was, became, at, was_at, became_at, run_ms)
    VALUES ('job', CASE NEW.status WHEN 'failed' THEN NEW.error_code END,
      CASE WHEN TG_OP = 'UPDATE' THEN OLD.status END, NEW.status, coalesce(NEW.finished_at, now()),
      CASE WHEN TG_OP = 'UPDATE' THEN OLD.created_at END, NEW.created_at,
      CASE NEW.status WHEN 'completed' THEN extract(epoch FROM NEW.finished_at - NEW.created_at) * 1000 END);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER jobs_rollup_made AFTER INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION rollup_job();
CREATE TRIGGER jobs_rollup_moved AFTER UPDATE OF status ON jobs FOR EACH ROW
  WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION rollup_job();
CREATE TRIGGER jobs_rollup_removed AFTER DELETE ON jobs FOR EACH ROW EXECUTE FUNCTION rollup_job();
`;

const CLIPS = `
CREATE FUNCTION rollup_clip() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO rollup_changes (kind, became, at, became_at) VALUES ('clip', 'made', NEW.created_at, NEW.created_at);
  RETURN NULL;
END $$;
CREATE TRIGGER clips_rollup_made AFTER INSERT ON clips FOR EACH ROW EXECUTE FUNCTION rollup_clip();
`;

const at = (moment: string): string =>
  `date_trunc(CASE WHEN ${moment} >= now() - interval '26 hours' THEN 'minute' ELSE 'hour' END, ${moment}, 'UTC')`;
const bucket = (from: string, to: string): string =>
  `least(216, ceil(8 * ln(greatest(extract(epoch FROM ${to} - ${from})::float8 * 1000, 1)) / ln(2::float8)))::smallint`;
const STEP_AT = at('coalesce(finished_at, updated_at)');
const JOB_AT = at('coalesce(finished_at, created_at)');

/**
 * What there was before counts as well, and is counted here: as changes, millions would wait for the manager, and be
 * looked through by every reader until it was done. Each part is one walk over its table.
 */
const HISTORY = `
INSERT INTO rollups (grain, metric, at, subject, bucket, count)
SELECT g.grain, c.metric, date_trunc(g.grain, c.at, 'UTC'), c.subject, c.bucket, sum(c.count)
FROM (
  SELECT 'step.' || status AS metric, ${STEP_AT} AS at, agent AS subject, 0::smallint AS bucket, count(*) AS count
    FROM steps WHERE status IN ('completed', 'failed', 'skipped') GROUP BY 1, 2, 3
  UNION ALL SELECT 'step.now.failed', ${STEP_AT}, agent, 0, count(*) FROM steps WHERE status = 'failed' GROUP BY 2, 3
  UNION ALL SELECT 'step.wait', ${STEP_AT}, agent, ${bucket('queued_at', 'started_at')}, count(*)
    FROM steps WHERE status IN ('completed', 'failed', 'skipped') AND started_at >= queued_at GROUP BY 2, 3, 4
  UNION ALL SELECT 'step.run', ${STEP_AT}, agent, ${bucket('started_at', 'finished_at')}, count(*)
    FROM steps WHERE status IN ('completed', 'failed', 'skipped') AND finished_at >= started_at GROUP BY 2, 3, 4
  UNION ALL SELECT 'job.' || status, ${JOB_AT}, CASE status WHEN 'failed' THEN coalesce(error_code, '') ELSE '' END, 0, count(*)
    FROM jobs WHERE status IN ('completed', 'failed', 'cancelled') GROUP BY 1, 2, 3
  UNION ALL SELECT 'job.run', ${JOB_AT}, '', ${bucket('created_at', 'finished_at')}, count(*)
    FROM jobs WHERE status = 'completed' AND finished_at >= created_at GROUP BY 2, 4
  UNION ALL SELECT 'job.created', ${at('created_at')}, '', 0, count(*) FROM jobs GROUP BY 2
  UNION ALL SELECT 'job.now.' || status, ${at('created_at')}, '', 0, count(*) FROM jobs GROUP BY 1, 2
  UNION ALL SELECT 'clip.made', ${at('created_at')}, '', 0, count(*) FROM clips GROUP BY 2
) c CROSS JOIN (VALUES ('minute', interval '26 hours'), ('hour', interval '40 days'), ('day', interval '730 days')) g (grain, kept)
WHERE c.at >= now() - g.kept GROUP BY 1, 2, 3, 4, 5;
`;

const GRANTS = `
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'agentos_app') AND current_user <> 'agentos_app' THEN
    GRANT SELECT, INSERT, UPDATE, DELETE ON rollups, rollup_changes TO agentos_app;
  END IF;
END $$;
`;
