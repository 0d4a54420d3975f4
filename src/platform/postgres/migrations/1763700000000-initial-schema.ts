import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The first schema: people, uploads, jobs with their steps and files, the admin actions with their audit,
 * settings, queues and the leases of the control loops.
 *
 * Ids are UUIDv7 made by the application, times are timestamptz. Where the role `agentos_app` exists (the
 * launcher makes it), the running processes connect as it and own nothing.
 */
export class InitialSchema1763700000000 implements MigrationInterface {
  name = 'InitialSchema1763700000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [PEOPLE, UPLOADS, JOBS, FILES, ACTIONS, AUDIT, OPERATION_STATE, GRANTS]) {
      await runner.query(statement);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE IF EXISTS manager_leases, queues, settings_versions, system_events, audit_entries, executions,
        clip_variants, clips, artifacts, steps, jobs, upload_chunks, uploads, refresh_tokens, sessions, users CASCADE;
      DROP FUNCTION IF EXISTS audit_entries_stamp, audit_entries_refuse_change;
    `);
  }
}

const PEOPLE = `
CREATE TABLE users (
  id uuid PRIMARY KEY,
  email text NOT NULL,
  password_hash text NOT NULL,
  role text NOT NULL CHECK (role IN ('admin', 'operator', 'supervisor', 'user', 'readonly')),
  enabled boolean NOT NULL DEFAULT true,
  -- Raised by every change that must bite on open sessions at once.
  auth_version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email_key ON users (lower(email));

CREATE TABLE sessions (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  revoked_reason text,
  ip text,
  user_agent text
);
CREATE INDEX sessions_user_idx ON sessions (user_id) WHERE revoked_at IS NULL;

CREATE TABLE refresh_tokens (
  id uuid PRIMARY KEY,
  session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  -- SHA-256 of the token; the token itself is stored nowhere.
  token_hash bytea NOT NULL UNIQUE,
  parent_id uuid REFERENCES refresh_tokens (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  used_at timestamptz
);
CREATE INDEX refresh_tokens_session_idx ON refresh_tokens (session_id);
`;

const UPLOADS = `
CREATE TABLE uploads (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users (id),
  filename text NOT NULL,
  content_type text,
  size_bytes bigint NOT NULL CHECK (size_bytes > 0),
  chunk_size integer NOT NULL CHECK (chunk_size > 0),
  chunk_count integer NOT NULL CHECK (chunk_count > 0),
  declared_sha256 text,
  sha256 text,
  status text NOT NULL CHECK (status IN ('open', 'finalizing', 'finalized', 'expired')),
  received_bytes bigint NOT NULL DEFAULT 0,
  storage_key text,
  -- Who assembles the file, until when; another may take over after that.
  finalizer uuid,
  lease_until timestamptz,
  -- Why the last attempt to finalize failed.
  error_code text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  finalized_at timestamptz
);
CREATE INDEX uploads_user_idx ON uploads (user_id, id DESC);
CREATE INDEX uploads_open_idx ON uploads (expires_at) WHERE status IN ('open', 'finalizing');
CREATE INDEX uploads_open_user_idx ON uploads (user_id) WHERE status IN ('open', 'finalizing');

CREATE TABLE upload_chunks (
  upload_id uuid NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
  index integer NOT NULL CHECK (index >= 0),
  size_bytes integer NOT NULL,
  sha256 text NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (upload_id, index)
);
`;

const JOBS = `
CREATE TABLE jobs (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users (id),
  upload_id uuid REFERENCES uploads (id),
  title text NOT NULL,
  status text NOT NULL CHECK (status IN ('queued', 'processing', 'completed', 'failed', 'cancelled')),
  priority smallint NOT NULL DEFAULT 5 CHECK (priority BETWEEN 1 AND 10),
  attempt integer NOT NULL DEFAULT 1,
  progress real NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),
  settings jsonb NOT NULL DEFAULT '{}',
  graph_version integer NOT NULL,
  error_code text,
  error_message text,
  cancel_requested_at timestamptz,
  cancel_reason text,
  trace_id text,
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  finished_at timestamptz,
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX jobs_status_idx ON jobs (status, id DESC);
CREATE INDEX jobs_user_idx ON jobs (user_id, id DESC);
CREATE INDEX jobs_active_idx ON jobs (id) WHERE status IN ('queued', 'processing');

CREATE TABLE steps (
  id uuid PRIMARY KEY,
  job_id uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  agent text NOT NULL,
  -- The agents of the same job whose output this step needs.
  needs text[] NOT NULL DEFAULT '{}',
  position smallint NOT NULL,
  status text NOT NULL CHECK (status IN
    ('blocked', 'queued', 'processing', 'completed', 'failed', 'cancelled', 'skipped')),
  priority smallint NOT NULL DEFAULT 5 CHECK (priority BETWEEN 1 AND 10),
  -- Raised by each claim; every later write of the claimer carries it (fencing).
  attempt integer NOT NULL DEFAULT 0,
  -- Failures since the job was created or retried; recovered losses of a worker count too.
  failures integer NOT NULL DEFAULT 0,
  max_attempts integer NOT NULL DEFAULT 3,
  timeout_s integer NOT NULL DEFAULT 3600,
  progress real NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),
  settings jsonb NOT NULL DEFAULT '{}',
  output jsonb,
  skip_reason text,
  step_key text,
  worker_id text,
  lease_until timestamptz,
  not_before timestamptz NOT NULL DEFAULT now(),
  error_code text,
  error_message text,
  -- The tool's own words, for the log view only.
  error_detail text,
  created_at timestamptz NOT NULL DEFAULT now(),
  queued_at timestamptz,
  started_at timestamptz,
  finished_at timestamptz,
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (job_id, agent)
);
CREATE INDEX steps_queued_idx ON steps (agent, priority, queued_at) WHERE status = 'queued';
CREATE INDEX steps_processing_idx ON steps (lease_until) WHERE status = 'processing';
CREATE INDEX steps_agent_finished_idx ON steps (agent, finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX steps_failed_idx ON steps (finished_at, agent) WHERE status = 'failed';
`;

const FILES = `
CREATE TABLE artifacts (
  id uuid PRIMARY KEY,
  job_id uuid REFERENCES jobs (id) ON DELETE CASCADE,
  step_id uuid REFERENCES steps (id) ON DELETE CASCADE,
  execution_id uuid,
  user_id uuid REFERENCES users (id),
  kind text NOT NULL,
  name text NOT NULL,
  content_type text NOT NULL,
  storage_key text NOT NULL UNIQUE,
  size_bytes bigint NOT NULL,
  sha256 text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz
);
CREATE INDEX artifacts_job_idx ON artifacts (job_id);
CREATE INDEX artifacts_step_idx ON artifacts (step_id);

CREATE TABLE clips (
  id uuid PRIMARY KEY,
  job_id uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  user_id uuid NOT NULL REFERENCES users (id),
  position smallint NOT NULL,
  start_s double precision NOT NULL,
  end_s double precision NOT NULL CHECK (end_s > start_s),
  score double precision NOT NULL,
  reasons jsonb NOT NULL,
  poster_artifact_id uuid REFERENCES artifacts (id),
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (job_id, position)
);
CREATE INDEX clips_user_idx ON clips (user_id, id DESC);

CREATE TABLE clip_variants (
  clip_id uuid NOT NULL REFERENCES clips (id) ON DELETE CASCADE,
  format text NOT NULL,
  width integer NOT NULL,
  height integer NOT NULL,
  duration_s double precision NOT NULL,
  artifact_id uuid NOT NULL REFERENCES artifacts (id),
  PRIMARY KEY (clip_id, format)
);
`;

const ACTIONS = `
CREATE TABLE executions (
  id uuid PRIMARY KEY,
  action text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('act', 'preview')),
  actor_id uuid NOT NULL REFERENCES users (id),
  status text NOT NULL CHECK (status IN ('running', 'succeeded', 'failed', 'unknown', 'aborted')),
  idempotency_key text,
  -- SHA-256 of the canonical (RFC 8785) action and payload.
  fingerprint bytea NOT NULL,
  payload jsonb NOT NULL,
  -- Raised by each take-over of an expired lease; a late writer with an older one loses.
  fence integer NOT NULL DEFAULT 1,
  lease_until timestamptz NOT NULL,
  trace_id text NOT NULL,
  -- The stored answer, replayed byte for byte.
  response_status smallint,
  response_body bytea,
  result jsonb,
  error_code text,
  progress jsonb,
  abort_requested_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz
);
CREATE UNIQUE INDEX executions_key ON executions (actor_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX executions_actor_idx ON executions (actor_id, id DESC);
CREATE INDEX executions_running_idx ON executions (lease_until) WHERE status = 'running';
`;

/*
 * The audit is append-only for everybody but a superuser who means to break it: the application's role may
 * only insert and read, and triggers refuse change and TRUNCATE besides. The server sets seq and time.
 */
const AUDIT = `
CREATE TABLE audit_entries (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  phase text NOT NULL CHECK (phase IN ('intent', 'outcome', 'denial', 'security')),
  kind text NOT NULL CHECK (kind IN ('act', 'preview')),
  outcome text NOT NULL CHECK (outcome IN ('pending', 'succeeded', 'failed', 'denied', 'unknown', 'aborted')),
  execution_id uuid,
  actor_id uuid,
  actor_role text,
  action text,
  payload jsonb,
  status smallint,
  error_code text,
  reason text,
  detail jsonb,
  trace_id text,
  ip text,
  user_agent text,
  -- Denials of a flood are one entry with their number.
  count integer NOT NULL DEFAULT 1
);
CREATE INDEX audit_entries_execution_idx ON audit_entries (execution_id);
CREATE INDEX audit_entries_at_idx ON audit_entries (at DESC);
CREATE INDEX audit_entries_actor_idx ON audit_entries (actor_id, seq DESC);

CREATE FUNCTION audit_entries_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.at := clock_timestamp();
  RETURN NEW;
END $$;
CREATE FUNCTION audit_entries_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit_entries is append-only';
END $$;
CREATE TRIGGER audit_entries_stamp BEFORE INSERT ON audit_entries
  FOR EACH ROW EXECUTE FUNCTION audit_entries_stamp();
CREATE TRIGGER audit_entries_no_change BEFORE UPDATE OR DELETE ON audit_entries
  FOR EACH ROW EXECUTE FUNCTION audit_entries_refuse_change();
CREATE TRIGGER audit_entries_no_truncate BEFORE TRUNCATE ON audit_entries
  FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_refuse_change();
`;

const OPERATION_STATE = `
CREATE TABLE settings_versions (
  version integer PRIMARY KEY,
  settings jsonb NOT NULL,
  comment text,
  author_id uuid REFERENCES users (id),
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE queues (
  name text PRIMARY KEY,
  paused boolean NOT NULL DEFAULT false,
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE manager_leases (
  name text PRIMARY KEY,
  holder text NOT NULL,
  -- Raised each time another process takes the lead.
  fence bigint NOT NULL DEFAULT 1,
  expires_at timestamptz NOT NULL,
  last_run_at timestamptz,
  last_duration_ms integer,
  last_error text,
  runs bigint NOT NULL DEFAULT 0,
  failures bigint NOT NULL DEFAULT 0
);

CREATE TABLE system_events (
  id uuid PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now(),
  level text NOT NULL CHECK (level IN ('trace', 'debug', 'info', 'warn', 'error', 'fatal')),
  source text NOT NULL,
  event text NOT NULL,
  message text NOT NULL,
  data jsonb,
  job_id uuid,
  trace_id text
);
CREATE INDEX system_events_at_idx ON system_events (at DESC, id DESC);
CREATE INDEX system_events_job_idx ON system_events (job_id) WHERE job_id IS NOT NULL;
`;

const GRANTS = `
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'agentos_app') AND current_user <> 'agentos_app' THEN
    GRANT USAGE ON SCHEMA public TO agentos_app;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO agentos_app;
    REVOKE UPDATE, DELETE, TRUNCATE ON audit_entries FROM agentos_app;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO agentos_app;
  END IF;
END $$;
`;
