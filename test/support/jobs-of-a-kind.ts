import type { TestDatabase } from './database';

/** How each of the jobs is; its steps are those of a job of two agents. */
export type ManyJobs = 'waiting' | 'failed' | 'running';

const STEPS: Record<ManyJobs, [inspector: string, packager: string, job: string]> = {
  waiting: ['queued', 'blocked', 'queued'],
  failed: ['failed', 'cancelled', 'failed'],
  running: ['processing', 'blocked', 'processing'],
};

/** Puts many jobs into the database, by two statements; their ids in their order. */
export async function manyJobs(
  database: TestDatabase,
  userId: string,
  count: number,
  kind: ManyJobs,
): Promise<string[]> {
  const [inspector, packager, job] = STEPS[kind];
  const rows = await database.query<{ id: string }>(
    `WITH made AS (
       INSERT INTO jobs (id, user_id, title, status, graph_version, started_at, finished_at)
       SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7' ||
           substr(md5(random()::text || n), 1, 3) || '8' || substr(md5(n || random()::text), 1, 15))::uuid,
         $1, 'Job ' || n, $3, 1, CASE WHEN $3 <> 'queued' THEN now() END, CASE WHEN $3 = 'failed' THEN now() END
       FROM generate_series(1, $2) n RETURNING id)
     SELECT id FROM made ORDER BY id`,
    [userId, count, job],
  );
  await database.query(
    `INSERT INTO steps (id, job_id, agent, needs, position, status, attempt, lease_until, worker_id, queued_at, error_code)
     SELECT gen_random_uuid(), j, a.agent, a.needs, a.position, a.status, a.attempt,
       CASE WHEN a.status = 'processing' THEN now() + interval '1 hour' END,
       CASE WHEN a.status = 'processing' THEN 'w' END,
       CASE WHEN a.status = 'queued' THEN now() END, CASE WHEN a.status = 'failed' THEN 'BROKEN' END
     FROM unnest($1::uuid[]) j, (VALUES
       ('inspector', ARRAY[]::text[], 0, $2, CASE WHEN $2 = 'queued' THEN 0 ELSE 1 END),
       ('packager', ARRAY['inspector'], 1, $3, 0)) AS a (agent, needs, position, status, attempt)`,
    [rows.map((row) => row.id), inspector, packager],
  );
  return rows.map((row) => row.id);
}
