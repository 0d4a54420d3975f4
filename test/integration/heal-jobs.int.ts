import { FlowModule } from '../../src/media/flow/flow.module';
import { LostSteps } from '../../src/media/steps/lost-steps';
import { HEARTBEAT_MS } from '../../src/media/steps/step-claims';
import { Db } from '../../src/platform/postgres/db';
import { bootModules, type TestApp } from '../support/app';
import { eventually } from '../support/eventually';
import { costlyParts, type Plan } from '../support/plans';
import { makeUser } from '../support/users';

/** More than may be read in one go. */
const WAITING = 11_000;

// The last of them has nothing left to do.
const FILL = `
WITH made AS (
  INSERT INTO jobs (id, user_id, title, status, graph_version, updated_at)
  SELECT lpad(to_hex(i), 32, '0')::uuid, $1, 'job', 'processing', 1, now() - interval '1 minute'
  FROM generate_series(1, ${WAITING + 1}) i RETURNING id)
INSERT INTO steps (id, job_id, agent, position, status, queued_at)
SELECT gen_random_uuid(), id, 'inspector', 0,
  CASE WHEN id = lpad(to_hex(${WAITING + 1}), 32, '0')::uuid THEN 'completed' ELSE 'queued' END, now() FROM made`;

describe('what nobody advances', () => {
  let test: TestApp;

  beforeAll(async () => {
    test = await bootModules([FlowModule]);
    await test.database.query(FILL, [(await makeUser(test.database)).id]);
    await test.database.query('VACUUM ANALYZE jobs, steps');
  });
  afterAll(() => test?.close());

  const completed = () => test.database.query(`SELECT FROM jobs WHERE status = 'completed'`);

  it('is looked for in all unfinished jobs, and in so few at a time that nobody waits for it', async () => {
    const lost = test.get(LostSteps);
    const query = jest.spyOn(test.get(Db), 'query');
    expect(await lost.healJobs()).toBe(0);
    const [sql, params] = query.mock.calls[0] ?? ['', []];
    query.mockRestore();
    const [plan] = await test.database.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
      `EXPLAIN (ANALYZE, FORMAT JSON) ${typeof sql === 'string' ? sql : sql.text}`,
      params,
    );
    const reads = (part: string) => part.includes(' reads ') || part.startsWith('Seq Scan');
    expect(plan && costlyParts(plan['QUERY PLAN'][0].Plan, ['jobs']).filter(reads)).toEqual([]);

    expect(await lost.healJobs()).toBe(0);
    expect(await completed()).toEqual([]);
    expect(await lost.healJobs()).toBe(1);
    expect(await completed()).toHaveLength(1);
  });

  it('is found again from the first job on after the last one', async () => {
    const lost = test.get(LostSteps);
    await test.database.query(
      `UPDATE jobs SET cancel_requested_at = now() WHERE id = lpad('1', 32, '0')::uuid`,
    );
    expect(await lost.healJobs()).toBe(1);
    expect(await test.database.query(`SELECT FROM jobs WHERE status = 'cancelled'`)).toHaveLength(1);
  });

  it('takes no step from its worker before the living had the time to give a sign', async () => {
    const lost = test.get(LostSteps);
    const job = `lpad('2', 32, '0')::uuid`;
    await test.database.query(
      `UPDATE steps SET status = 'processing', attempt = 1, worker_id = 'silent', lease_until = now() WHERE job_id = ${job}`,
    );
    const began = performance.now();
    // Nobody has asked Postgres here so far: it may have been away until now. Nor has anybody after a stall of the machine.
    await eventually(async () => expect(await lost.recover()).toBe(1), { timeoutMs: 90_000 });
    expect(performance.now() - began).toBeGreaterThanOrEqual(2 * HEARTBEAT_MS);
    const [step] = await test.database.query(`SELECT status, error_code FROM steps WHERE job_id = ${job}`);
    expect(step).toEqual({ status: 'queued', error_code: 'WORKER_LOST' });
  });
});
