import { AGENT_ERRORS, type AgentErrorCode } from '../../media/agents/agent-error';
import { AGENTS } from '../../media/agents';
import { composeGraph, graphNodes } from '../../media/flow/agent-graph';

/** The addresses of the users that a seed makes; all that it makes belongs to them. */
export const SEED_USERS = { count: 12, domain: 'seed.agentos.local' } as const;

/** Clips and their files are made for this many of the newest completed jobs: older ones are long deleted. */
const JOBS_WITH_CLIPS = 20_000;

/** What waits or runs here is never taken up by a worker: its video does not exist. */
const NEVER = "timestamptz '2100-01-01'";

/**
 * Functions of this connection only. `pick` gives the same number from 0 to 1 for the same arguments each time,
 * `id` an UUIDv7 of that time.
 */
export const HELPERS = `
CREATE OR REPLACE FUNCTION pg_temp.pick(salt text, i bigint, seed bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE AS $$ SELECT (hashtextextended(salt, i * 1000003 + seed) & 1048575) / 1048576.0::double precision $$;

CREATE OR REPLACE FUNCTION pg_temp.id(salt text, i bigint, seed bigint, at timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$ SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') ||
  substr(overlay(overlay(md5(salt || i || ':' || seed) PLACING '7' FROM 13) PLACING '8' FROM 17), 13))::uuid $$;

CREATE TEMP TABLE IF NOT EXISTS seed_agents (agent text, needs text[], position smallint, begins float8, ends float8,
  timeout_s integer, max_attempts integer);
TRUNCATE seed_agents;
${agentRows()}
CREATE TEMP TABLE IF NOT EXISTS seed_failures (nr integer, position smallint, code text, message text);
TRUNCATE seed_failures;
${failureRows()}`;

/** $1 seed, $2 end of the history, $3 password hash. */
export const INSERT_USERS = `
INSERT INTO users (id, email, password_hash, role, created_at, updated_at)
SELECT pg_temp.id('user', i, $1, $2::timestamptz - interval '400 days'), format('user-%s@${SEED_USERS.domain}', lpad(i::text, 2, '0')), $3,
  (ARRAY['operator', 'supervisor', 'readonly'])[i] , $2::timestamptz - interval '400 days', $2::timestamptz - interval '400 days'
FROM generate_series(1, 3) i
UNION ALL
SELECT pg_temp.id('user', i, $1, $2::timestamptz - interval '400 days'), format('user-%s@${SEED_USERS.domain}', lpad(i::text, 2, '0')), $3,
  'user', $2::timestamptz - interval '400 days', $2::timestamptz - interval '400 days'
FROM generate_series(4, ${SEED_USERS.count}) i
ON CONFLICT DO NOTHING`;

/**
 * The jobs from number $3 to $4 of $5 (from 1, oldest first), as one row each that all tables are filled from.
 * $1 seed, $2 end of the history, $6 days, $7 queued and $8 processing ones at the end.
 */
export const PLAN = `
CREATE TEMP TABLE seed_plan ON COMMIT DROP AS
WITH base AS (
  SELECT i, $5::bigint - i AS age,
    $2::timestamptz - ($5::bigint - i + pg_temp.pick('jitter', i, $1)) * ($6::integer * interval '1 day' / $5::bigint) AS created_at
  FROM generate_series($3::bigint, $4::bigint) i
), judged AS (
  SELECT *, CASE
      WHEN age < $7::integer THEN 'queued'
      WHEN age < $7::integer + $8::integer THEN 'processing'
      WHEN age = $7::integer + $8::integer THEN 'failed'
      WHEN age = $7::integer + $8::integer + 1 THEN 'cancelled'
      WHEN pg_temp.pick('fate', i, $1) < 0.08 THEN 'failed'
      WHEN pg_temp.pick('fate', i, $1) < 0.12 THEN 'cancelled'
      ELSE 'completed' END AS status,
    60 + pg_temp.pick('length', i, $1) ^ 3 * 3540 AS length_s
  FROM base
)
SELECT judged.i, age, created_at, status, length_s,
  pg_temp.id('job', judged.i, $1, created_at) AS id, pg_temp.id('upload', judged.i, $1, created_at - interval '1 minute') AS upload_id,
  u.id AS user_id,
  (ARRAY['Interview','Webinar','Podcast','Lecture','Product demo','Town hall','Match','Concert'])[1 + floor(pg_temp.pick('title', judged.i, $1) * 8)::int]
    || ' ' || to_char(created_at, 'YYYY-MM-DD') AS title,
  created_at + (1 + pg_temp.pick('wait', judged.i, $1) * 40) * interval '1 second' AS started_at,
  length_s * (0.5 + pg_temp.pick('speed', judged.i, $1)) AS work_s,
  -- Where it stopped: the step that failed, was cancelled or runs.
  CASE judged.status WHEN 'queued' THEN 0 WHEN 'completed' THEN 100 WHEN 'failed' THEN f.position
    ELSE floor(pg_temp.pick('stop', judged.i, $1) * (SELECT count(*) FROM seed_agents))::int END AS stop,
  f.code, f.message
FROM judged
JOIN seed_failures f ON f.nr = floor(pg_temp.pick('why', judged.i, $1) * (SELECT count(*) FROM seed_failures))::int
JOIN (SELECT id, row_number() OVER (ORDER BY email) - 1 AS nr, count(*) OVER () AS total FROM users
      WHERE email LIKE '%@${SEED_USERS.domain}' AND role = 'user') u
  ON u.nr = floor(pg_temp.pick('user', judged.i, $1) ^ 2 * u.total)
ORDER BY judged.i`;

/** What is filled from the plan, in the order of the tables' references. No parameters; `seed` is $1. */
export const FILL: readonly (readonly [table: string, sql: string])[] = [
  [
    'uploads',
    `INSERT INTO uploads (id, user_id, filename, content_type, size_bytes, chunk_size, chunk_count, status, storage_key,
       created_at, updated_at, expires_at, finalized_at)
     SELECT upload_id, user_id, lower(replace(title, ' ', '-')) || '.mp4', 'video/mp4', (length_s * 250000)::bigint, 8388608,
       ceil(length_s * 250000 / 8388608)::int, 'finalized', 'uploads/' || upload_id || '/source', created_at - interval '1 minute',
       created_at, created_at + interval '1 day', created_at
     FROM seed_plan`,
  ],
  [
    'jobs',
    `INSERT INTO jobs (id, user_id, upload_id, title, status, priority, progress, graph_version, error_code, error_message,
       cancel_requested_at, cancel_reason, created_at, started_at, finished_at, updated_at)
     SELECT id, user_id, upload_id, title, status, 1 + floor(pg_temp.pick('priority', i, $1) * 10)::int,
       coalesce((SELECT begins FROM seed_agents WHERE position = stop), 1), 1,
       CASE status WHEN 'failed' THEN code END, CASE status WHEN 'failed' THEN message END,
       CASE status WHEN 'cancelled' THEN ended_at END, CASE status WHEN 'cancelled' THEN 'no longer needed' END,
       created_at, CASE WHEN status <> 'queued' THEN started_at END, CASE WHEN status IN ('completed', 'failed', 'cancelled') THEN ended_at END,
       CASE status WHEN 'queued' THEN created_at ELSE ended_at END
     FROM (SELECT p.*, started_at + work_s * coalesce((SELECT (begins + ends) / 2 FROM seed_agents WHERE position = stop), 1)
             * interval '1 second' AS ended_at FROM seed_plan p) p`,
  ],
  [
    'steps',
    `INSERT INTO steps (id, job_id, agent, needs, position, status, attempt, failures, max_attempts, timeout_s, progress, output,
       worker_id, lease_until, not_before, error_code, error_message, created_at, queued_at, started_at, finished_at, updated_at)
     SELECT pg_temp.id('step' || a.position, i, $1, created_at), p.id, a.agent, a.needs, a.position, s.status,
       (s.status IN ('completed', 'failed', 'processing'))::int, (s.status = 'failed')::int, a.max_attempts, a.timeout_s,
       CASE s.status WHEN 'completed' THEN 1 WHEN 'processing' THEN 0.5 ELSE 0 END,
       CASE s.status WHEN 'completed' THEN '{}'::jsonb END,
       CASE WHEN s.status IN ('completed', 'failed', 'processing') THEN 'worker-seeded-' || (i % 4) END,
       CASE s.status WHEN 'processing' THEN ${NEVER} END, CASE s.status WHEN 'queued' THEN ${NEVER} ELSE created_at END,
       CASE s.status WHEN 'failed' THEN code END, CASE s.status WHEN 'failed' THEN message END,
       created_at, CASE WHEN s.status <> 'blocked' THEN s.begins_at END,
       CASE WHEN s.status IN ('completed', 'failed', 'processing') THEN s.begins_at END,
       CASE WHEN s.status IN ('completed', 'failed', 'cancelled') THEN s.ends_at END, s.ends_at
     FROM seed_plan p CROSS JOIN seed_agents a
     CROSS JOIN LATERAL (SELECT
       CASE WHEN a.position < stop THEN 'completed'
         WHEN p.status IN ('failed', 'cancelled') AND a.position > stop THEN 'cancelled'
         WHEN a.position = stop THEN p.status ELSE 'blocked' END AS status,
       started_at + work_s * a.begins * interval '1 second' AS begins_at,
       started_at + work_s * CASE WHEN a.position = stop THEN (a.begins + a.ends) / 2 ELSE a.ends END * interval '1 second' AS ends_at) s`,
  ],
  [
    'artifacts',
    `INSERT INTO artifacts (id, job_id, step_id, user_id, kind, name, content_type, storage_key, size_bytes, sha256, created_at)
     SELECT pg_temp.id('file' || c || f, i, $1, at), id, pg_temp.id('step' || a.position, i, $1, created_at), user_id, 'clip',
       'clip-' || c || '-' || f || '.mp4', 'video/mp4', 'jobs/' || id || '/clip-renderer/1/clip-' || c || '-' || f || '.mp4',
       (1500000 + pg_temp.pick('size' || c || f, i, $1) * 4000000)::bigint, encode(sha256((id::text || c || f)::bytea), 'hex'), at
     FROM (${clips()}) clips CROSS JOIN (VALUES ('16x9'), ('9x16')) formats (f)
     JOIN seed_agents a ON a.agent = 'clip-renderer'`,
  ],
  [
    'clips',
    `INSERT INTO clips (id, job_id, user_id, position, start_s, end_s, score, reasons, created_at)
     SELECT pg_temp.id('clip' || c, i, $1, at), id, user_id, c, start_s, start_s + clip_s, 0.9 - c * 0.1 - pg_temp.pick('score' || c, i, $1) * 0.1,
       jsonb_build_array(jsonb_build_object('name', 'loudness', 'value', round(pg_temp.pick('loud' || c, i, $1)::numeric, 3),
         'weight', 0.3, 'sentence', 'Louder than the rest of the video.')), at
     FROM (${clips()}) clips`,
  ],
  [
    'clip_variants',
    `INSERT INTO clip_variants (clip_id, format, width, height, duration_s, artifact_id)
     SELECT pg_temp.id('clip' || c, i, $1, at), f, w, h, clip_s, pg_temp.id('file' || c || f, i, $1, at)
     FROM (${clips()}) clips CROSS JOIN (VALUES ('16x9', 1280, 720), ('9x16', 720, 1280)) formats (f, w, h)`,
  ],
];

/** $1 seed, $2 end of the history, $3 number of events, $4 days, $5 number of jobs. */
export const INSERT_EVENTS = `
INSERT INTO system_events (id, at, level, source, event, message, data, job_id)
SELECT pg_temp.id('event', i, $1, at), at, level, source, event, message, jsonb_build_object('seeded', true), NULL
FROM (SELECT i, $2::timestamptz - ($3::bigint - i + pg_temp.pick('at', i, $1)) * ($4::integer * interval '1 day' / $3::bigint) AS at,
        1 + floor(pg_temp.pick('kind', i, $1) ^ 2 * 8)::int AS kind FROM generate_series(1, $3::bigint) i) e
JOIN (VALUES
  (1, 'info', 'flow', 'job.completed', 'A job was completed.'), (2, 'info', 'flow', 'job.created', 'A job was created.'),
  (3, 'info', 'worker', 'worker.started', 'A worker started.'), (4, 'info', 'worker', 'worker.stopped', 'A worker stopped.'),
  (5, 'warn', 'flow', 'job.failed', 'A job failed: the file is incomplete.'), (6, 'info', 'pipeline', 'queue.paused', 'A queue was paused.'),
  (7, 'warn', 'flow', 'step.retried', 'A step is tried again: the media tool stopped with an error.'),
  (8, 'error', 'manager', 'worker.lost', 'A worker gave no sign of life; its steps were given to others.')
) kinds (nr, level, source, event, message) ON nr = kind ORDER BY i`;

/** What a clean removes, children first. $1: the ids of the seeded users. */
export const CLEAN: readonly (readonly [table: string, sql: string])[] = [
  [
    'clip_variants',
    'DELETE FROM clip_variants v USING clips c WHERE c.id = v.clip_id AND c.user_id = ANY ($1)',
  ],
  ['clips', 'DELETE FROM clips WHERE user_id = ANY ($1)'],
  ['artifacts', 'DELETE FROM artifacts a USING jobs j WHERE j.id = a.job_id AND j.user_id = ANY ($1)'],
  ['steps', 'DELETE FROM steps s USING jobs j WHERE j.id = s.job_id AND j.user_id = ANY ($1)'],
  ['jobs', 'DELETE FROM jobs WHERE user_id = ANY ($1)'],
  [
    'upload_chunks',
    'DELETE FROM upload_chunks c USING uploads u WHERE u.id = c.upload_id AND u.user_id = ANY ($1)',
  ],
  ['uploads', 'DELETE FROM uploads WHERE user_id = ANY ($1)'],
];

/** One row per clip of the newest completed jobs: 1 to 3 each. */
function clips(): string {
  return `SELECT p.*, c, started_at + work_s * interval '1 second' AS at, 8 + floor(pg_temp.pick('clip_s' || c, i, $1) * least(37, length_s / 4 - 8)) AS clip_s,
    floor(length_s * (c - 1) / 4) AS start_s
    FROM seed_plan p CROSS JOIN LATERAL generate_series(1, 1 + floor(pg_temp.pick('clips', i, $1) * 3)::int) c
    WHERE status = 'completed' AND age < ${JOBS_WITH_CLIPS}`;
}

function builtInGraph() {
  return graphNodes(composeGraph(AGENTS, new Map(), { agents: {} }).nodes);
}

function agentRows(): string {
  const total = AGENTS.reduce((sum, agent) => sum + agent.weight, 0);
  let begins = 0;
  const rows = builtInGraph().map((node) => {
    const agent = AGENTS.find(({ id }) => id === node.agent);
    const ends = begins + (agent?.weight ?? 0) / total;
    const needs = `'{${node.needs.join(',')}}'`;
    const row = `('${node.agent}', ${needs}, ${node.position}, ${begins}, ${ends}, ${agent?.timeoutS ?? 0}, ${agent?.maxAttempts ?? 1})`;
    begins = ends;
    return row;
  });
  return `INSERT INTO seed_agents VALUES ${rows.join(', ')};`;
}

function failureRows(): string {
  const failures: readonly (readonly [agent: string, code: AgentErrorCode])[] = [
    ['inspector', 'TRUNCATED'],
    ['inspector', 'NO_VIDEO'],
    ['inspector', 'NOT_MEDIA'],
    ['inspector', 'TOO_SHORT'],
    ['normaliser', 'DAMAGED'],
    ['clip-renderer', 'TOOL_TIMEOUT'],
    ['clip-renderer', 'OUT_OF_DISK'],
  ];
  const nodes = builtInGraph();
  const rows = failures.map(([agent, code], nr) => {
    const position = nodes.find((node) => node.agent === agent)?.position ?? 0;
    return `(${nr}, ${position}, '${code}', '${AGENT_ERRORS[code].sentence.replaceAll("'", "''")}')`;
  });
  return `INSERT INTO seed_failures VALUES ${rows.join(', ')};`;
}
