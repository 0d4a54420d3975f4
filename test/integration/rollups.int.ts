import { DataSource } from 'typeorm';
import { MetricsRollup } from '../../src/media/rollups/metrics-rollup.manager';
import { MetricsRollupModule } from '../../src/media/rollups/metrics-rollup.module';
import { countedAtOnce } from '../../src/media/rollups/counted-at-once';
import { METRICS } from '../../src/media/rollups/metrics';
import { REBUILD_ROLLUPS } from '../../src/media/rollups/rebuild-sql';
import { RollupCounting } from '../../src/media/rollups/rollup-counting';
import { quantileOf, Rollups, sumOf } from '../../src/media/rollups/rollups';
import { RollupsModule } from '../../src/media/rollups/rollups.module';
import { dataSourceOptions } from '../../src/platform/postgres/data-source';
import { Db, type Tx } from '../../src/platform/postgres/db';
import { eventually } from '../support/eventually';
import { ownerConnection } from '../support/database';
import { History, randomOf, type Fact } from '../support/history';
import { makeUser } from '../support/users';
import { ReadsideTest } from './readside-support';

const SEED = Number(process.env['ROLLUP_SEED'] ?? Date.now() % 1_000_000);
const MINUTE_MS = 60_000;
const HISTOGRAMS = ['step.wait', 'step.run', 'job.run'];

describe(`roll-ups (ROLLUP_SEED=${SEED})`, () => {
  const random = randomOf(SEED);
  let test: ReadsideTest;
  let counting: RollupCounting;
  let rollups: Rollups;
  let history: History;

  beforeAll(async () => {
    test = await ReadsideTest.start();
    const context = await test.context([RollupsModule, MetricsRollupModule]);
    counting = context.get(RollupCounting);
    rollups = context.get(Rollups);
    history = new History(test.database, (await makeUser(test.database, 'user')).id, random);
  });

  afterAll(() => test?.close());

  const floor = (date: Date, unit: number) => Math.floor(date.getTime() / unit) * unit;
  const uncounted = async () =>
    (await test.database.query<{ n: number }>('SELECT count(*)::int AS n FROM rollup_changes'))[0]?.n ?? -1;
  const count = (limit = 5_000) => counting.count(limit);

  /** The sums of facts by metric and subject, without those that come to nothing. */
  function sums(facts: readonly Pick<Fact, 'metric' | 'subject' | 'count'>[]): Record<string, number> {
    const by: Record<string, number> = {};
    for (const one of facts) {
      const key = HISTOGRAMS.includes(one.metric) ? `${one.metric}` : `${one.metric} ${one.subject}`;
      by[key] = (by[key] ?? 0) + one.count;
    }
    return Object.fromEntries(Object.entries(by).filter(([, n]) => n !== 0));
  }

  async function expectTruth(): Promise<void> {
    const since = new Date(Date.now() - Math.floor(random() * 24 * 60) * MINUTE_MS);
    const known = (unit: number, from = since) =>
      history.facts.filter(({ at }) => at.getTime() >= floor(from, unit));
    expect(sums(await rollups.totals(METRICS, since))).toEqual(sums(known(MINUTE_MS)));
    expect(sums(await rollups.totals(METRICS, new Date(0)))).toEqual(sums(history.facts));
    const hours = await rollups.series(METRICS, 'hour', since);
    expect(sums(hours)).toEqual(sums(known(60 * MINUTE_MS)));
    const [first] = hours;
    const inIt = history.facts.filter(({ at }) => floor(at, 3_600_000) === first?.at.getTime());
    expect(sums(hours.filter(({ at }) => at.getTime() === first?.at.getTime()))).toEqual(sums(inIt));
  }

  it('say what happened, whatever part of it has been counted already', async () => {
    for (let i = 0; i < 300; i += 1) {
      await history.step();
      if (random() < 0.1) await count(1 + Math.floor(random() * 40));
      if (i % 30 === 29) await expectTruth();
    }
    while ((await count(50)) > 0);
    expect(await uncounted()).toBe(0);
    await expectTruth();
  });

  it('have quantiles of the times, exact to 4.4 %', async () => {
    const counters = await rollups.totals(['step.run'], new Date(0));
    for (const share of [0.5, 0.95, 0.99]) {
      const times = history.facts.flatMap(({ metric, ms }) => (metric === 'step.run' ? (ms ?? 0) : []));
      times.sort((a, b) => a - b);
      const exact = Math.max(1, times[Math.ceil(times.length * share) - 1] ?? Number.NaN);
      const found = quantileOf(counters, 'step.run', share) ?? Number.NaN;
      expect(Math.abs(found - exact)).toBeLessThanOrEqual(exact * 0.045 + 1);
    }
  });

  it('count everything once when two count at the same time', async () => {
    for (let i = 0; i < 40; i += 1) await history.step();
    const before = await uncounted();
    const counted = await Promise.all([count(1_000), count(1_000), count(7), count(3)]);
    expect(counted.reduce((sum, one) => sum + one, 0)).toBe(before);
    await expectTruth();
  });

  it('lose nothing and count nothing twice when the one who counts dies in the middle', async () => {
    while ((await count()) > 0);
    for (let i = 0; i < 40; i += 1) await history.step();
    const before = await uncounted();
    const holder = ownerConnection(test.database.ownerUrl);
    await holder.query('BEGIN; LOCK TABLE rollups IN SHARE MODE');
    const dying = count().then(
      () => 'counted',
      () => 'died',
    );
    await eventually(async () => {
      const [row] = await test.database.query<{ ended: boolean }>(
        `SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%rollup_changes%'`,
      );
      expect(row?.ended).toBe(true);
    });
    expect(await dying).toBe('died');
    await holder.query('ROLLBACK');
    await holder.close();
    expect(await uncounted()).toBe(before);
    await expectTruth();
    expect(await count()).toBe(before);
    await expectTruth();
  });

  it('do not count what was rolled back', async () => {
    const before = await uncounted();
    await test.database.query(`BEGIN; UPDATE jobs SET status = 'cancelled'; DELETE FROM steps; ROLLBACK`);
    expect(await uncounted()).toBe(before);
  });

  it('are counted and forgotten by their manager', async () => {
    await test.database.query(`INSERT INTO rollups VALUES
      ('minute', 'step.run', now() - interval '4 hours', 'old', 3, 1), ('minute', 'job.created', now() - interval '27 hours', 'old', 0, 1),
      ('hour', 'job.created', now() - interval '41 days', 'old', 0, 1), ('day', 'job.created', now() - interval '731 days', 'old', 0, 1),
      ('minute', 'job.created', now() - interval '25 hours', 'kept', 0, 1), ('day', 'job.created', now() - interval '700 days', 'kept', 0, 1)`);
    for (let i = 0; i < 10; i += 1) await history.step();
    const waiting = await uncounted();
    const { items } = await new MetricsRollup(counting).run({ signal: new AbortController().signal });
    expect(items).toBe(waiting);
    const left = await test.database.query<{ subject: string }>(
      `SELECT subject FROM rollups WHERE subject IN ('old', 'kept')`,
    );
    expect(left.map(({ subject }) => subject)).toEqual(['kept', 'kept']);
    await test.database.query(`DELETE FROM rollups WHERE subject = 'kept'`);
  });

  it('can be made anew of what there is', async () => {
    const owner = ownerConnection(test.database.ownerUrl);
    const standing = METRICS.filter((metric) => metric.includes('.now.'));
    const before = await rollups.totals(standing, new Date(0));
    await owner.query(REBUILD_ROLLUPS);
    await owner.close();
    const after = await rollups.totals([...METRICS], new Date(0));
    const now = (counters: typeof after) => sums(counters.filter(({ metric }) => metric.includes('.now.')));
    expect(now(after)).toEqual(now(before));
    expect(sumOf(after, 'job.created')).toBe(history.jobs.length);
    expect(await uncounted()).toBe(0);
  });

  /** What all counters say of now and before, whoever has counted it. */
  const everything = async () => sums(await rollups.totals(METRICS, new Date(0)));

  it('count each row that a statement makes or removes as if they were counted anew', async () => {
    await test.database.query(
      `WITH made AS (
         INSERT INTO jobs (id, user_id, title, status, graph_version, error_code, created_at, finished_at)
         SELECT gen_random_uuid(), $1, 'made', s, 1, CASE s WHEN 'failed' THEN 'NO_VIDEO' END, now() - interval '1 hour',
           CASE WHEN s <> 'queued' THEN now() - interval '2 min' END
         FROM unnest('{queued,completed,failed,cancelled,completed}'::text[]) s RETURNING id, status, finished_at)
       INSERT INTO steps (id, job_id, agent, position, status, queued_at, started_at, finished_at)
       SELECT gen_random_uuid(), id, a, 0, status, finished_at - interval '9 s', finished_at - interval '7 s', finished_at
       FROM made, unnest('{inspector,packager}'::text[]) a`,
      [history.userId],
    );
    const counted = await everything();
    await test.database.query(REBUILD_ROLLUPS);
    expect(await everything()).toEqual(counted);
    await test.database.query(`DELETE FROM steps WHERE agent = 'packager'`);
    await test.database.query(`DELETE FROM jobs WHERE status IN ('failed', 'cancelled')`);
    const standing = (of: Record<string, number>) =>
      Object.entries(of).filter(([key]) => key.includes('.now.'));
    const left = standing(await everything());
    await test.database.query(REBUILD_ROLLUPS);
    expect(standing(await everything()).sort()).toEqual(left.sort());
  });

  it('count what changes many jobs alike as if the rows had changed one by one', async () => {
    const { query } = test.database;
    const db = (await test.context([])).get(Db);
    const changes = async () =>
      query(
        `WITH taken AS (DELETE FROM rollup_changes RETURNING *)
         SELECT kind, subject, was, became, date_trunc('minute', was_at) AS was_at,
           date_trunc('minute', became_at) AS became_at, run_ms, sum(count) AS n FROM taken
         GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY kind, was, subject, was_at`,
      );
    const jobIds = (await query<{ id: string }>('SELECT id FROM jobs LIMIT 20')).map(({ id }) => id);
    const failed = async () => {
      await query(`UPDATE jobs SET status = 'failed', finished_at = created_at WHERE id = ANY ($1)`, [
        jobIds,
      ]);
      await query(
        `UPDATE steps SET status = 'failed', finished_at = CASE position % 2 WHEN 0 THEN created_at END WHERE job_id = ANY ($1)`,
        [jobIds],
      );
      await changes();
    };
    for (const becoming of ['queued', 'cancelled'] as const) {
      const move = async (tx: Tx) => {
        await tx.execute('UPDATE jobs SET status = $2 WHERE id = ANY ($1)', [jobIds, becoming]);
        if (becoming === 'queued')
          await tx.execute(`UPDATE steps SET status = 'blocked' WHERE job_id = ANY ($1)`, [jobIds]);
      };
      // What comes after it in its transaction is counted by the row again.
      const next = (tx: Tx) => tx.execute(`UPDATE jobs SET status = 'processing' WHERE id = $1`, [jobIds[0]]);
      await failed();
      await db.transaction(async (tx) => [await move(tx), await next(tx)]);
      const byRow = await changes();
      await failed();
      await db.transaction(async (tx) => {
        await countedAtOnce(tx, { jobIds, becoming }, () => move(tx));
        await next(tx);
      });
      expect(byRow.length).toBeGreaterThan(2);
      expect(await changes()).toEqual(byRow);
    }
  });

  it('have what there was before they were introduced', async () => {
    await test.database.query(REBUILD_ROLLUPS);
    const before = await everything();
    const source = await new DataSource(dataSourceOptions(test.database.ownerUrl, 2)).initialize();
    const introduced = async () =>
      (await source.query<{ name: string | null }[]>(`SELECT to_regclass('rollups') AS name`))[0]?.name;
    try {
      while (await introduced()) await source.undoLastMigration();
      await source.runMigrations();
    } finally {
      await source.destroy();
    }
    expect(await uncounted()).toBe(0);
    expect(await everything()).toEqual(before);
  });
});
