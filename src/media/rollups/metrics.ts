import { bucketSql } from './histogram';

/** What steps come to, by agent: how many ended how, and histograms of how long they waited and ran. */
export const STEP_METRICS = [
  'step.completed',
  'step.failed',
  'step.skipped',
  'step.wait',
  'step.run',
] as const;

/** What came of jobs, and when: `job.failed` by error code; `job.run` is a histogram from creation to completion. */
export const JOB_METRICS = [
  'job.created',
  'job.completed',
  'job.failed',
  'job.cancelled',
  'job.run',
  'clip.made',
] as const;

/**
 * How many are in a status now: jobs under the time of their creation, failed steps, by agent, under that of their
 * end. These go down again when a job moves on or is removed.
 */
export const STANDING_METRICS = [
  'job.now.queued',
  'job.now.processing',
  'job.now.completed',
  'job.now.failed',
  'job.now.cancelled',
  'step.now.failed',
] as const;

/** Everything that is counted. */
export const METRICS = [...STEP_METRICS, ...JOB_METRICS, ...STANDING_METRICS];
/** A counter or a histogram. */
export type Metric = (typeof METRICS)[number];

/** The lengths of time that are counted separately. */
export const GRAINS = ['minute', 'hour', 'day'] as const;
export type Grain = (typeof GRAINS)[number];

/**
 * SELECT for what changes add to which counters: metric, at, subject, bucket, count.
 *
 * @param source a table or a part of a WITH that has the columns of rollup_changes
 */
export function countersOf(source: string): string {
  return `
SELECT v.* FROM ${source} c CROSS JOIN LATERAL (VALUES
  (CASE WHEN c.became IN ('completed', 'failed', 'skipped', 'cancelled', 'made') THEN c.kind || '.' || c.became END,
    c.at, coalesce(c.subject, ''), 0::smallint, c.count),
  (CASE WHEN c.kind = 'job' AND c.was IS NULL THEN 'job.created' END, c.became_at, '', 0, c.count),
  (CASE WHEN c.wait_ms >= 0 THEN c.kind || '.wait' END, c.at, coalesce(c.subject, ''), ${bucketSql('c.wait_ms')}, c.count),
  (CASE WHEN c.run_ms >= 0 THEN c.kind || '.run' END, c.at, coalesce(c.subject, ''), ${bucketSql('c.run_ms')}, c.count),
  (CASE WHEN c.kind = 'job' OR c.was = 'failed' THEN c.kind || '.now.' || c.was END, c.was_at,
    CASE c.kind WHEN 'step' THEN c.subject ELSE '' END, 0, -c.count),
  (CASE WHEN c.kind = 'job' OR c.became = 'failed' THEN c.kind || '.now.' || c.became END, c.became_at,
    CASE c.kind WHEN 'step' THEN c.subject ELSE '' END, 0, c.count)
) v (metric, at, subject, bucket, count) WHERE v.metric IS NOT NULL`;
}

/** SELECT for the rows of rollups that such counters make: grain, metric, at, subject, bucket, count. */
export function rollupsOf(counters: string, kept: Readonly<Record<Grain, string>>): string {
  const grains = GRAINS.map((grain) => `('${grain}', ${kept[grain]})`).join(', ');
  return `
SELECT g.grain, c.metric, date_trunc(g.grain, c.at, 'UTC'), c.subject, c.bucket, sum(c.count)
FROM (${counters}) c CROSS JOIN (VALUES ${grains}) g (grain, kept)
WHERE c.at >= now() - g.kept GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5`;
}
