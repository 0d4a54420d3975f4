import { SEED_USERS } from '../src/up/seed/statements';
import { writeSeeds } from '../src/up/seed';
import type { HttpClient } from '../test/support/http-client';
import { bootUserApi, type UserApi } from '../test/support/user-api';
import { report } from './load';
import { figure, median, quantile } from './measure';

/** LISTS_JOBS asks for fewer, for a look. */
const JOBS = Number(process.env['LISTS_JOBS'] ?? 1_000_000);
/** How deep the deepest page is, newest first. */
const DEPTH = Math.floor(JOBS * 0.99);
const ROUNDS = 40;

const REQUESTS = [
  '/api/jobs/history',
  '/api/jobs/history?page=500',
  '/api/jobs/history?status=failed',
  '/api/jobs/history?status=queued',
  '/api/jobs/history?error_code=NO_VIDEO',
  '/api/jobs/status/completed?per_page=100',
  '/api/jobs/today',
  '/api/jobs/recent/100',
  '/api/jobs/summary/stats',
  '/api/jobs/{job}',
  '/api/clips/recent',
  '/api/queue/status',
  '/api/queue/details',
  '/api/queue/stats',
  '/api/analytics/metrics?period=24h',
  '/api/analytics/metrics?period=7d',
  '/api/analytics/metrics?period=30d',
];

async function timed(act: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await act();
  return performance.now() - started;
}

describe(`lists of ${JOBS} jobs`, () => {
  let api: UserApi;
  let deep: string;
  const people = new Map<string, HttpClient>();

  beforeAll(async () => {
    api = await bootUserApi();
    const options = { jobs: JOBS, events: 1_000, days: 30, seed: 1, until: new Date(), clean: false };
    const started = performance.now();
    const rows = await writeSeeds(api.database.ownerUrl, options);
    report('written', { ...rows, s: (performance.now() - started) / 1000 });
    await api.database.query('VACUUM ANALYZE jobs, steps, clips, clip_variants, artifacts, uploads');
    const [row] = await api.database.query<{ id: string }>(
      'SELECT id FROM jobs ORDER BY id DESC OFFSET $1 LIMIT 1',
      [DEPTH],
    );
    deep = row?.id ?? '';
    people.set('staff', (await api.user('operator')).client);
    const busiest = await api.user();
    // The seeded user with most of the jobs, seen by somebody who can sign in.
    await api.database.query(
      `UPDATE jobs SET user_id = $1 WHERE user_id = (SELECT id FROM users WHERE email LIKE $2 AND role = 'user' ORDER BY email LIMIT 1)
         AND id IN (SELECT id FROM jobs ORDER BY id DESC LIMIT 100000)`,
      [busiest.user.id, `%@${SEED_USERS.domain}`],
    );
    await api.database.query('VACUUM ANALYZE jobs');
    people.set('a user', busiest.client);
  }, 1_500_000);
  afterAll(() => api?.close());

  it('answer as fast at any depth', async () => {
    const staff = people.get('staff') as HttpClient;
    const times: Record<'first' | 'deep' | 'firstSql' | 'offset' | 'capped' | 'exact', number[]> = {
      first: [],
      deep: [],
      firstSql: [],
      offset: [],
      capped: [],
      exact: [],
    };
    const sql = (text: string) => timed(() => api.database.query(text));
    for (let round = 0; round < ROUNDS; round += 1) {
      times.first.push(await timed(() => staff.get('/api/jobs/history?per_page=25')));
      times.deep.push(await timed(() => staff.get(`/api/jobs/history?per_page=25&cursor=${deep}`)));
      times.firstSql.push(await sql('SELECT * FROM jobs ORDER BY id DESC LIMIT 25'));
      if (round % 8 !== 0) continue;
      times.offset.push(await sql(`SELECT * FROM jobs ORDER BY id DESC LIMIT 25 OFFSET ${DEPTH}`));
      times.capped.push(await sql('SELECT count(*) FROM (SELECT FROM jobs ORDER BY id DESC LIMIT 10001) t'));
      times.exact.push(await sql('SELECT count(*) FROM jobs'));
    }
    const ms = Object.fromEntries(Object.entries(times).map(([name, values]) => [name, median(values)]));
    report('page of 25, ms', ms);
    report('ratios', {
      'depth to page one': median(times.deep) / median(times.first),
      'depth to OFFSET': median(times.deep) / median(times.offset),
      'capped count to COUNT(*)': median(times.capped) / median(times.exact),
    });
  }, 300_000);

  it('answer whatever is asked', async () => {
    for (const [who, client] of people)
      for (const request of REQUESTS) {
        const job = (await client.get<{ job_id: string }[]>('/api/jobs/recent/1')).data[0]?.job_id ?? '';
        const times: number[] = [];
        for (let round = 0; round < ROUNDS; round += 1)
          times.push(await timed(async () => (await client.get(request.replace('{job}', job))).data));
        report(`${who}, ${request}`, {
          'p50 ms': figure(median(times)),
          'p95 ms': figure(quantile(times, 0.95)),
        });
      }
  }, 600_000);
});
