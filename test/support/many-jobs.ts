import { REBUILD_ROLLUPS } from '../../src/media/rollups/rebuild-sql';
import type { TestDatabase } from './database';

/** So many jobs that whatever looks through all of them stands out in a plan, and few enough to be made in a second. */
const JOBS = 24_000;
const HOUR_MS = 3_600_000;

/** Where some of them are. */
export interface ManyJobs {
  /** The id of an old job of the user. */
  deep: string;
  /** Two moments between which there are 50 jobs. */
  later: string;
  last: string;
}

// One job an hour. Every sixth is the user's; rare states and codes are in the older half only, and the user has few
// of what is common among the others.
const plan = (userId: string, until: Date): string => `
CREATE TEMP TABLE plan AS
SELECT i, at, CASE WHEN i % 6 = 1 THEN '${userId}'::uuid ELSE others.ids[1 + i / 2 % 20] END AS user_id,
  CASE WHEN i < ${JOBS} / 2 AND i % 1000 IN (1, 2) THEN 'queued' WHEN i < ${JOBS} / 2 AND i % 1000 IN (3, 4) THEN 'cancelled'
    WHEN i % 1000 IN (5, 6) THEN 'processing' WHEN i % 12 IN (7, 8) THEN 'failed'
    WHEN i % 12 = 10 THEN 'cancelled' ELSE 'completed' END AS status,
  CASE WHEN i < ${JOBS} / 2 AND (i % 12 = 8 OR i % 1200 = 7) THEN 'RARE' ELSE 'NO_VIDEO' END AS code,
  (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || left(md5(i::text), 3) || '8' ||
    substr(md5(i::text), 4, 15))::uuid AS id
FROM (SELECT array_agg(id) AS ids FROM users WHERE email LIKE '%@many.test') others,
  generate_series(1, ${JOBS}) i, LATERAL (SELECT timestamptz '${until.toISOString()}' - (${JOBS} - i + 1) * interval '1 hour' AS at) t`;

const FILL = `
INSERT INTO uploads (id, user_id, filename, size_bytes, chunk_size, chunk_count, status, expires_at)
  SELECT id, user_id, 'a.mp4', 1, 1, 1, 'finalized', at FROM plan;
INSERT INTO jobs (id, user_id, upload_id, title, status, graph_version, error_code, created_at, started_at, finished_at)
  SELECT id, user_id, id, 'job', status, 1, CASE WHEN status = 'failed' THEN code END, at, at, at FROM plan;
INSERT INTO steps (id, job_id, agent, position, status, queued_at, started_at, finished_at)
  SELECT gen_random_uuid(), id, 'inspector', 0, status, at, at, CASE WHEN status NOT IN ('queued', 'processing') THEN at END
  FROM plan;
INSERT INTO artifacts (id, job_id, kind, name, content_type, storage_key, size_bytes, sha256)
  SELECT id, id, 'clip', 'a.mp4', 'video/mp4', id, 1, 'x' FROM plan WHERE status = 'completed';
INSERT INTO clips (id, job_id, user_id, position, start_s, end_s, score, reasons)
  SELECT id, id, user_id, 1, 1, 2, 0.5, '[]' FROM plan WHERE status = 'completed';
INSERT INTO clip_variants SELECT id, '16x9', 1, 1, 1, id FROM plan WHERE status = 'completed'`;

const USERS = `
INSERT INTO users (id, email, password_hash, role)
SELECT gen_random_uuid(), i || '@many.test', 'x', 'user' FROM generate_series(1, 20) i`;

/** Fills the tables of jobs; a sixth of the jobs are the user's. */
export async function fillWithJobs(database: TestDatabase, userId: string): Promise<ManyJobs> {
  const now = Date.now();
  const at = (i: number) => new Date(now - (JOBS - i + 1) * HOUR_MS).toISOString();
  await database.query(USERS);
  // One statement, so that the temporary table is that of the connection that fills.
  await database.query(`${plan(userId, new Date(now))}; ${FILL}; DROP TABLE plan`);
  await database.query(REBUILD_ROLLUPS);
  await database.query('VACUUM ANALYZE uploads, jobs, steps, artifacts, clips, clip_variants');
  const [deep] = await database.query<{ id: string }>(
    "SELECT id FROM jobs WHERE user_id = $1 AND status = 'completed' ORDER BY id LIMIT 1",
    [userId],
  );
  return { deep: deep?.id ?? '', later: at(JOBS - 100), last: at(JOBS - 50) };
}
