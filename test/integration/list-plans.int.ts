import { costlyParts, type Plan } from '../support/plans';
import { fillWithJobs } from '../support/many-jobs';
import { bootUserApi, type UserApi } from '../support/user-api';
import { ReportCollector } from '../../src/categories/jobs/daily-report/report-collector';
import { Db } from '../../src/platform/postgres/db';

/** What is asked of the user API, by a user and by staff. `{user}` is the id of the user, `{deep}` that of an old job. */
const REQUESTS = [
  '/api/jobs/history',
  '/api/jobs/history?page=100',
  '/api/jobs/history?cursor={deep}',
  '/api/jobs/history?status=cancelled',
  '/api/jobs/history?status=queued&cursor={deep}',
  '/api/jobs/history?error_code=RARE',
  '/api/jobs/history?created_after={later}&created_before={last}',
  '/api/jobs/history?status=failed&created_after={later}',
  '/api/jobs/status/processing',
  '/api/jobs/user/{user}',
  '/api/jobs/user/{user}?status=cancelled',
  '/api/jobs/user/{user}?error_code=RARE',
  '/api/jobs/today',
  '/api/jobs/recent/100',
  '/api/jobs/summary/stats',
  '/api/jobs/{deep}',
  '/api/jobs/{deep}/clips',
  '/api/clips/recent',
  '/api/clips/recent?cursor={deep}',
  '/api/upload',
  '/api/queue/status',
  '/api/queue/details',
  '/api/queue/stats',
  '/api/analytics/metrics?period=24h',
  '/api/analytics/metrics?period=30d',
];
/** Those that grow without end. */
const LARGE = ['jobs', 'steps', 'clips', 'clip_variants', 'artifacts', 'uploads'];
/** Indexes that lists depend on: without one of them a request would look through what it does not show. */
const NEEDED = [
  'jobs_user_idx',
  'jobs_status_idx',
  'jobs_user_status_idx',
  'jobs_error_idx',
  'jobs_user_error_idx',
  'clips_user_idx',
  'steps_queued_idx',
];

interface Statement {
  request: string;
  sql: string;
  params: unknown[];
}

describe('lists, filters and counts', () => {
  let api: UserApi;
  const statements: Statement[] = [];

  beforeAll(async () => {
    api = await bootUserApi();
    const { user, client } = await api.user();
    const { client: staff } = await api.user('operator');
    const many = await fillWithJobs(api.database, user.id);
    const paths = REQUESTS.map((path) =>
      path
        .replace('{user}', user.id)
        .replace('{deep}', many.deep)
        .replace('{later}', many.later)
        .replace('{last}', many.last),
    );
    for (const by of [client, staff])
      for (const path of paths)
        await recordStatements(path, async () => {
          const answer = await by.get(path);
          expect([path, answer.status]).toEqual([path, 200]);
        });
    const yesterday = new Date(Date.now() - 86_400_000);
    yesterday.setUTCHours(0, 0, 0, 0);
    await recordStatements('the daily report', () =>
      api.get(ReportCollector).collect(yesterday, new AbortController().signal),
    );
  });
  afterAll(() => api?.close());

  /** Keeps what is asked of Postgres meanwhile. */
  async function recordStatements(request: string, work: () => Promise<unknown>): Promise<void> {
    const query = jest.spyOn(api.get(Db), 'query');
    await work();
    for (const [sql, params = []] of query.mock.calls) {
      const text = typeof sql === 'string' ? sql : sql.text;
      const about = LARGE.some((table) => new RegExp(`\\b${table}\\b`).test(text));
      // What all files together take is a sum of all of them.
      if (about && !/^\s*(EXPLAIN|INSERT|UPDATE)|sum\(size_bytes\)/.test(text))
        statements.push({ request, sql: text, params });
    }
    query.mockRestore();
  }

  async function planOf({ sql, params }: Statement): Promise<Plan> {
    // As the api asks, whose connections have settings of their own.
    const [row] = await api
      .get(Db)
      .query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(`EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ${sql}`, params);
    if (!row) throw new Error('no plan');
    return row['QUERY PLAN'][0].Plan;
  }

  /** What is wrong with the plans of all statements, by the request. */
  async function faults(of = statements): Promise<string[]> {
    const found: string[] = [];
    for (const statement of of)
      for (const part of costlyParts(await planOf(statement), LARGE))
        found.push(`${statement.request}: ${part}\n${statement.sql}`);
    return found;
  }

  it('never look through a table, nor at more rows than they count or show', async () => {
    expect(statements.length).toBeGreaterThan(60);
    expect(await faults()).toEqual([]);
  });

  it.each(NEEDED)('would not be so without %s', async (index) => {
    const [definition] = await api.database.query<{ sql: string }>(
      'SELECT indexdef AS sql FROM pg_indexes WHERE indexname = $1',
      [index],
    );
    await api.database.query(`DROP INDEX ${index}`);
    try {
      const table = new RegExp(`\\b${index.split('_')[0]}\\b`);
      expect(await faults(statements.filter(({ sql }) => table.test(sql)))).not.toEqual([]);
    } finally {
      await api.database.query(definition?.sql ?? '');
    }
  });

  it('have an index for every reference, so that deleting does not look through the table that refers', async () => {
    const unserved = await api.database.query<{ name: string }>(
      `SELECT c.conrelid::regclass || ' ' || c.conname AS name FROM pg_constraint c
        WHERE c.contype = 'f' AND c.conrelid::regclass::text = ANY ($1) AND NOT EXISTS (
          SELECT FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1])`,
      [LARGE],
    );
    expect(unserved).toEqual([]);
  });
});
