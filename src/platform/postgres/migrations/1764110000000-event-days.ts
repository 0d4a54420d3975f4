import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * System events lie in a partition for each day (UTC), so that an old day can be dropped whole. What was there before,
 * and whatever has a time for which there is no partition, lies in `system_events_rest`. The app makes and drops days by
 * two functions, and by nothing else: it does not own the table.
 */
export class EventDays1764110000000 implements MigrationInterface {
  name = 'EventDays1764110000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [PARTITIONS, DAYS, ENTRIES, GRANTS]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(UNDO);
  }
}

const PARTITIONS = `
ALTER TABLE system_events RENAME TO system_events_rest;
ALTER TABLE system_events_rest DROP CONSTRAINT system_events_pkey;
ALTER TABLE system_events_rest ADD CONSTRAINT system_events_rest_pkey PRIMARY KEY (id, at);
ALTER INDEX system_events_at_idx RENAME TO system_events_rest_at_idx;
ALTER INDEX system_events_job_idx RENAME TO system_events_rest_job_idx;
ALTER INDEX system_events_agent_idx RENAME TO system_events_rest_agent_idx;
CREATE TABLE system_events (
  LIKE system_events_rest INCLUDING DEFAULTS INCLUDING CONSTRAINTS, PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE INDEX system_events_at_idx ON system_events (at DESC, id DESC);
CREATE INDEX system_events_job_idx ON system_events (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX system_events_agent_idx ON system_events ((data->>'agent'), id DESC) WHERE data->>'agent' IS NOT NULL;
ALTER TABLE system_events ATTACH PARTITION system_events_rest DEFAULT;
`;

const DAYS = `
CREATE FUNCTION make_system_event_days(ahead integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = public, pg_temp SET timezone = 'UTC' SET lock_timeout = '2s' AS $$
DECLARE
  day date;
BEGIN
  FOR i IN 0..least(ahead, 30) LOOP
    day := current_date + i;
    -- A day that has begun without a partition stays in the rest.
    CONTINUE WHEN to_regclass(format('system_events_%s', to_char(day, 'YYYYMMDD'))) IS NOT NULL
      OR EXISTS (SELECT FROM system_events_rest WHERE at >= day::timestamptz AND at < (day + 1)::timestamptz);
    EXECUTE format('CREATE TABLE system_events_%s PARTITION OF system_events FOR VALUES FROM (%L) TO (%L)',
      to_char(day, 'YYYYMMDD'), day::timestamptz, (day + 1)::timestamptz);
  END LOOP;
END $$;

CREATE FUNCTION drop_system_event_days(keep_days integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = public, pg_temp SET timezone = 'UTC' SET lock_timeout = '2s' AS $$
DECLARE
  partition text;
  dropped integer := 0;
BEGIN
  FOR partition IN
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'system_events'::regclass AND c.relname ~ '^system_events_\\d{8}$'
      AND to_date(right(c.relname, 8), 'YYYYMMDD') < current_date - greatest(keep_days, 1)
  LOOP
    EXECUTE format('DROP TABLE %I', partition);
    dropped := dropped + 1;
  END LOOP;
  RETURN dropped;
END $$;

SELECT make_system_event_days(3);
`;

const ENTRIES = `
-- Which entries of the stream of log lines were stored: one that is read a second time is known.
CREATE TABLE log_entries (
  id uuid PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX log_entries_at_idx ON log_entries (at);
`;

const GRANTS = `
REVOKE ALL ON FUNCTION make_system_event_days(integer), drop_system_event_days(integer) FROM PUBLIC;
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'agentos_app') AND current_user <> 'agentos_app' THEN
    GRANT SELECT, INSERT, UPDATE, DELETE ON system_events, system_events_rest, log_entries TO agentos_app;
    GRANT EXECUTE ON FUNCTION make_system_event_days(integer), drop_system_event_days(integer) TO agentos_app;
  END IF;
END $$;
`;

const UNDO = `
DROP FUNCTION make_system_event_days(integer), drop_system_event_days(integer);
DROP TABLE log_entries;
CREATE TABLE system_events_whole (LIKE system_events INCLUDING DEFAULTS INCLUDING CONSTRAINTS, PRIMARY KEY (id));
INSERT INTO system_events_whole SELECT * FROM system_events;
DROP TABLE system_events;
ALTER TABLE system_events_whole RENAME TO system_events;
ALTER TABLE system_events RENAME CONSTRAINT system_events_whole_pkey TO system_events_pkey;
CREATE INDEX system_events_at_idx ON system_events (at DESC, id DESC);
CREATE INDEX system_events_job_idx ON system_events (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX system_events_agent_idx ON system_events ((data->>'agent'), id DESC) WHERE data->>'agent' IS NOT NULL;
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'agentos_app') AND current_user <> 'agentos_app' THEN
    GRANT SELECT, INSERT, UPDATE, DELETE ON system_events TO agentos_app;
  END IF;
END $$;
`;
