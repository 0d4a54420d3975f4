import { randomUUID } from 'node:crypto';
import { writeSeeds } from '../src/up/seed';
import { createTestDatabase, type TestDatabase } from '../test/support/database';
import { report } from './load';
import { figure, median, quantile } from './measure';

/** OLD_JOBS asks for fewer, for a look. Half of them are removed: a quarter in batches, a quarter at once. */
const JOBS = Number(process.env['OLD_JOBS'] ?? 400_000);
const BATCH = 200;

// Children first: what a job has is named by clips, and clips by files.
const REMOVE = `
WITH old AS MATERIALIZED (SELECT id FROM jobs WHERE status IN ('completed', 'failed', 'cancelled') ORDER BY id LIMIT $1),
  c AS (DELETE FROM clips WHERE job_id IN (SELECT id FROM old))
SELECT id FROM old`;

async function remove(database: TestDatabase, count: number): Promise<number> {
  const old = await database.query<{ id: string }>(REMOVE, [count]);
  const ids = old.map(({ id }) => id);
  await database.query('DELETE FROM artifacts WHERE job_id = ANY ($1)', [ids]);
  await database.query('DELETE FROM jobs WHERE id = ANY ($1)', [ids]);
  return ids.length;
}

/** How long each write of others takes while `act` runs: a job is made, and a step of a running one makes progress. */
async function writesDuring(database: TestDatabase, act: () => Promise<unknown>): Promise<number[]> {
  const [{ user_id, upload_id } = { user_id: '', upload_id: '' }] = await database.query<{
    user_id: string;
    upload_id: string;
  }>('SELECT user_id, upload_id FROM jobs ORDER BY id DESC LIMIT 1');
  const running: { value: boolean } = { value: true };
  const acted = act().finally(() => (running.value = false));
  const times: number[] = [];
  while (running.value) {
    const started = performance.now();
    const id = randomUUID();
    await database.query(
      `INSERT INTO jobs (id, user_id, upload_id, title, status, graph_version, created_at)
       VALUES ($1, $2, $3, 'a job', 'queued', 1, now())`,
      [id, user_id, upload_id],
    );
    await database.query("UPDATE jobs SET status = 'processing', started_at = now() WHERE id = $1", [id]);
    times.push(performance.now() - started);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await acted;
  return times;
}

const summary = (times: readonly number[]) => ({
  writes: times.length,
  'p50 ms': figure(median(times)),
  'p99 ms': figure(quantile(times, 0.99)),
  'worst ms': figure(Math.max(...times)),
});

describe(`removing the oldest of ${JOBS} jobs`, () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase();
    const seeds = { jobs: JOBS, events: 1_000, days: 90, seed: 1, until: new Date(), clean: false };
    report('written', { ...(await writeSeeds(database.ownerUrl, seeds)) });
    await database.query('VACUUM ANALYZE jobs, steps, clips, clip_variants, artifacts, uploads');
  }, 1_500_000);
  afterAll(() => database?.drop());

  it('keeps nobody waiting', async () => {
    const quarter = JOBS / 4;
    const idle = await writesDuring(database, () => new Promise((resolve) => setTimeout(resolve, 5_000)));
    report('nothing is removed', summary(idle));
    let started = performance.now();
    const batches = await writesDuring(database, async () => {
      for (let removed = 0; removed < quarter;) removed += await remove(database, BATCH);
    });
    report(`in batches of ${BATCH}`, {
      ...summary(batches),
      'jobs/s': figure((quarter / (performance.now() - started)) * 1000),
    });
    started = performance.now();
    const once = await writesDuring(database, () => remove(database, quarter));
    report('all at once', {
      ...summary(once),
      'jobs/s': figure((quarter / (performance.now() - started)) * 1000),
    });
    report('ratios', {
      'p99 of batches to nothing': figure(quantile(batches, 0.99) / quantile(idle, 0.99)),
    });
  }, 900_000);
});
