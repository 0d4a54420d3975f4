import { v7 as uuidv7 } from 'uuid';
import type { WorkerInfo } from '../../src/fleet/workers/worker-registry';
import type { TestDatabase } from './database';

/** A worker as it reports itself. */
export function workerNamed(name: string, queues: readonly string[], activeSteps = 0): WorkerInfo {
  return {
    worker_id: name,
    pool: 'default',
    service: null,
    pid: 1,
    started_at: new Date().toISOString(),
    concurrency: 4,
    active_steps: Array.from(
      { length: activeSteps },
      () => ({ step_id: uuidv7(), job_id: uuidv7() }) as never,
    ),
    queues: [...queues],
    draining: false,
    capabilities: {},
    rss_bytes: 123_456_789,
    loop_delay_ms: 1.5,
  };
}

/** So many system events, each as long as it may be. */
export async function longEvents(database: TestDatabase, count: number): Promise<void> {
  await database.query(
    `INSERT INTO system_events (id, level, source, event, message, job_id, trace_id)
     SELECT gen_random_uuid(), 'warn', repeat('s', 60), repeat('e', 60), repeat('m', 5000), gen_random_uuid(), repeat('t', 32)
     FROM generate_series(1, $1) i`,
    [count],
  );
}

/** So many failed jobs with as much text as there may be. */
export async function longJobs(database: TestDatabase, userId: string, count: number): Promise<void> {
  await database.query(
    `INSERT INTO jobs (id, user_id, title, status, graph_version, error_code, error_message, finished_at)
     SELECT ('ffffff' || substr(gen_random_uuid()::text, 7))::uuid, $1, repeat('j', 500), 'failed', 1, 'CODE_' || i,
       repeat('x', 5000), now() FROM generate_series(1, $2::int) i`,
    [userId, count],
  );
}
