/** Of all: $1 the beginning and $2 the end of the day. */
const ENDED = 'finished_at >= $1 AND finished_at < $2';
const SECONDS = 'extract(epoch FROM finished_at - created_at)';

const quantiles = (seconds: string, filter: string) =>
  [50, 95, 99]
    .map((p) => `percentile_cont(0.${p}) WITHIN GROUP (ORDER BY ${seconds}::float8) ${filter} AS p${p}_s`)
    .join(', ');

/** One row of {@link JobFigures}. */
export const JOBS = `
SELECT (SELECT count(*)::int FROM jobs WHERE created_at >= $1 AND created_at < $2) AS created, ended.*,
  (SELECT count(*)::int FROM jobs WHERE status IN ('queued', 'processing') AND created_at < $2) +
    (SELECT count(*)::int FROM jobs WHERE finished_at >= $2 AND created_at < $2) AS open_at_end,
  (SELECT count(*)::int FROM jobs JOIN clips ON clips.job_id = jobs.id
   WHERE jobs.status = 'completed' AND ${ENDED}) AS clips
FROM (
  SELECT count(*) FILTER (WHERE status = 'completed')::int AS completed,
    count(*) FILTER (WHERE status = 'failed')::int AS failed,
    count(*) FILTER (WHERE status = 'cancelled')::int AS cancelled,
    ${quantiles(SECONDS, "FILTER (WHERE status = 'completed')")}
  FROM jobs WHERE ${ENDED}) ended`;

/** A row of {@link HourFigures} for each hour. */
export const HOURS = `
SELECT h AS hour, count(*) FILTER (WHERE status = 'completed')::int AS completed,
  count(*) FILTER (WHERE status = 'failed')::int AS failed,
  count(*) FILTER (WHERE status = 'cancelled')::int AS cancelled
FROM generate_series(0, 23) h
LEFT JOIN jobs ON ${ENDED} AND extract(hour FROM finished_at AT TIME ZONE 'UTC') = h
GROUP BY h ORDER BY h`;

/** A row of {@link AgentFigures} for each agent, found along the index: there are few agents and many steps. */
export const AGENTS = `
WITH RECURSIVE agents AS (
  (SELECT agent FROM steps WHERE finished_at IS NOT NULL ORDER BY agent LIMIT 1)
  UNION ALL
  SELECT (SELECT s.agent FROM steps s WHERE s.finished_at IS NOT NULL AND s.agent > agents.agent ORDER BY s.agent LIMIT 1)
  FROM agents WHERE agent IS NOT NULL)
SELECT agent, done.* FROM agents CROSS JOIN LATERAL (
  SELECT count(*)::int AS steps,
    coalesce(sum(extract(epoch FROM finished_at - started_at)) / 3600, 0)::float8 AS hours,
    ${quantiles('extract(epoch FROM finished_at - started_at)', '')}
  FROM steps s WHERE s.agent = agents.agent AND ${ENDED} AND started_at IS NOT NULL) done
WHERE agent IS NOT NULL AND done.steps > 0 ORDER BY hours DESC, agent`;

/** Rows of {@link FailureFigures}, the most frequent first. */
export const FAILURES = `
SELECT agent, coalesce(error_code, 'UNKNOWN') AS error_code, count(*)::int AS count
FROM steps WHERE status = 'failed' AND ${ENDED} GROUP BY 1, 2 ORDER BY count DESC, agent, error_code`;

/** One row of {@link StorageFigures}. Nothing changes an upload after it has expired: its last change is when it did. */
export const STORAGE = `
SELECT * FROM (
  SELECT coalesce(sum(size_bytes) FILTER (WHERE status <> 'expired' OR updated_at >= $2), 0)::float8 AS uploads,
    coalesce(sum(size_bytes) FILTER (WHERE finalized_at >= $1), 0)::float8 AS uploads_added
  FROM uploads WHERE finalized_at < $2) u, (
  SELECT coalesce(sum(size_bytes) FILTER (WHERE expires_at IS NULL OR expires_at >= $2), 0)::float8 AS files,
    coalesce(sum(size_bytes) FILTER (WHERE created_at >= $1), 0)::float8 AS files_added
  FROM artifacts WHERE created_at < $2) a`;

/** Rows of {@link ActionFigures}, the most frequent first. What users do to their own jobs is not among them. */
export const ACTIONS = `
SELECT action, coalesce(sum(count) FILTER (WHERE outcome = 'succeeded'), 0)::int AS succeeded,
  coalesce(sum(count) FILTER (WHERE outcome IN ('failed', 'unknown', 'aborted')), 0)::int AS failed,
  coalesce(sum(count) FILTER (WHERE outcome = 'denied'), 0)::int AS denied
FROM audit_entries
WHERE at >= $1 AND at < $2 AND phase IN ('outcome', 'denial') AND kind = 'act' AND action IS NOT NULL
  AND actor_role IS DISTINCT FROM 'user'
GROUP BY action ORDER BY sum(count) DESC, action`;

/** Rows of {@link SlowJob}, the slowest first. */
export const SLOWEST = `
SELECT id AS job_id, title, ${SECONDS}::float8 AS duration_s FROM jobs
WHERE status = 'completed' AND ${ENDED} ORDER BY 3 DESC, id LIMIT 5`;
