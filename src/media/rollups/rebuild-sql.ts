import { bucketSql } from './histogram';
import { rollupsOf } from './metrics';

/** The minute or, of what lies further back than minutes are kept, the hour: far fewer rows than there were. */
const unit = (at: string): string =>
  `date_trunc(CASE WHEN ${at} >= now() - interval '26 hours' THEN 'minute' ELSE 'hour' END, ${at}, 'UTC')`;
const ms = (from: string, to: string): string => `extract(epoch FROM ${to} - ${from})::float8 * 1000`;

const STEP_AT = unit('coalesce(finished_at, updated_at)');
const STEPS = `FROM steps WHERE status IN ('completed', 'failed', 'skipped')`;
const JOB_AT = unit('coalesce(finished_at, created_at)');

/** What the jobs, steps and clips that there are come to, as counters; each part is one walk over its table. */
const COUNTERS = `
SELECT 'step.' || status AS metric, ${STEP_AT} AS at, agent AS subject, 0::smallint AS bucket, count(*) AS count
  ${STEPS} GROUP BY 1, 2, 3
UNION ALL SELECT 'step.now.failed', ${STEP_AT}, agent, 0, count(*) FROM steps WHERE status = 'failed' GROUP BY 2, 3
UNION ALL SELECT 'step.wait', ${STEP_AT}, agent, ${bucketSql(ms('queued_at', 'started_at'))}, count(*)
  ${STEPS} AND started_at >= queued_at GROUP BY 2, 3, 4
UNION ALL SELECT 'step.run', ${STEP_AT}, agent, ${bucketSql(ms('started_at', 'finished_at'))}, count(*)
  ${STEPS} AND finished_at >= started_at GROUP BY 2, 3, 4
UNION ALL SELECT 'job.' || status, ${JOB_AT}, CASE status WHEN 'failed' THEN coalesce(error_code, '') ELSE '' END, 0, count(*)
  FROM jobs WHERE status IN ('completed', 'failed', 'cancelled') GROUP BY 1, 2, 3
UNION ALL SELECT 'job.run', ${JOB_AT}, '', ${bucketSql(ms('created_at', 'finished_at'))}, count(*)
  FROM jobs WHERE status = 'completed' AND finished_at >= created_at GROUP BY 2, 4
UNION ALL SELECT 'job.created', ${unit('created_at')}, '', 0, count(*) FROM jobs GROUP BY 2
UNION ALL SELECT 'job.now.' || status, ${unit('created_at')}, '', 0, count(*) FROM jobs GROUP BY 1, 2
UNION ALL SELECT 'clip.made', ${unit('created_at')}, '', 0, count(*) FROM clips GROUP BY 2`;

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
