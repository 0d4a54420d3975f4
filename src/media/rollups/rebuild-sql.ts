import { countersOf, rollupsOf } from './metrics';

/** The jobs, steps and clips that there are, as changes that made them what they are. */
const HISTORY = `
SELECT 'step' AS kind, agent AS subject, NULL AS was, status AS became, coalesce(finished_at, updated_at) AS at,
  NULL::timestamptz AS was_at, coalesce(finished_at, updated_at) AS became_at,
  extract(epoch FROM started_at - queued_at)::float8 * 1000 AS wait_ms,
  extract(epoch FROM finished_at - started_at)::float8 * 1000 AS run_ms
FROM steps WHERE status IN ('completed', 'failed', 'skipped')
UNION ALL SELECT 'job', CASE status WHEN 'failed' THEN error_code END, NULL, status, coalesce(finished_at, created_at), NULL,
  created_at, NULL, CASE status WHEN 'completed' THEN extract(epoch FROM finished_at - created_at)::float8 * 1000 END FROM jobs
UNION ALL SELECT 'clip', NULL, NULL, 'made', created_at, NULL, created_at, NULL, NULL FROM clips`;

/** Added up by the minute or hour first, which are far fewer than all counters. */
const COUNTERS = `
SELECT metric, date_trunc(CASE WHEN at >= now() - interval '26 hours' THEN 'minute' ELSE 'hour' END, at, 'UTC') AS at,
  subject, bucket, sum(count) AS count FROM (${countersOf(`(${HISTORY})`)}) c GROUP BY 1, 2, 3, 4`;

/**
 * Makes the roll-ups anew of what there is, for who has written or removed history past the triggers. Ended attempts
 * that were retried since, and what was deleted, count no more. Waits for transactions under way, and they for it.
 */
export const REBUILD_ROLLUPS = `
BEGIN;
LOCK TABLE rollups, rollup_changes IN ACCESS EXCLUSIVE MODE;
DELETE FROM rollups;
DELETE FROM rollup_changes;
INSERT INTO rollups (grain, metric, at, subject, bucket, count)
${rollupsOf(COUNTERS, { minute: "interval '26 hours'", hour: "interval '40 days'", day: "interval '730 days'" })};
COMMIT;
ANALYZE rollups;`;
