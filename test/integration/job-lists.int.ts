import { v7 as uuidv7 } from 'uuid';
import { firstIdOf } from '../../src/platform/postgres/uuid-time';
import type { HttpClient } from '../support/http-client';
import { notOverMidnight } from '../support/midnight';
import { failedJob, readableAuditOf, waitingJob } from '../support/pipeline';
import { outcome } from '../support/uploading';
import type { TestUser } from '../support/users';
import { bootUserApi, type UserApi } from '../support/user-api';

interface Listed {
  job_id: string;
  status: string;
}

interface Stats {
  jobs: Record<string, number | boolean>;
  success_rate: number | null;
  clips: number;
  duration_s: { p50: number; p95: number; sample: number };
  wait_s: { p50: number; p95: number; sample: number };
}

interface Day {
  date: string;
  timezone: string;
  starts_at: string;
  ends_at: string;
  stats: Stats;
  jobs: Listed[];
}

describe('lists and numbers of jobs', () => {
  let api: UserApi;
  let user: TestUser;
  let client: HttpClient;
  let other: { user: TestUser; client: HttpClient };
  let staff: HttpClient;

  beforeAll(async () => {
    api = await bootUserApi();
    ({ user, client } = await api.user());
    other = await api.user();
    ({ client: staff } = await api.user('readonly'));
  });
  afterAll(() => api?.close());

  /** A job that was created then; completed ones waited for 10 s and took 60. @returns its id */
  async function jobAt(owner: TestUser, at: string, status: string, errorCode?: string): Promise<string> {
    const id = `${firstIdOf(new Date(at)).slice(0, 14)}${uuidv7().slice(14)}`;
    await api.database.query(
      `INSERT INTO jobs (id, user_id, title, status, graph_version, error_code, error_message, created_at, started_at, finished_at)
       VALUES ($1, $2, 'job', $3, 1, $4, $4 || ' says why', $5, $5::timestamptz + interval '10 s',
         CASE WHEN $3 IN ('queued', 'processing') THEN NULL ELSE $5::timestamptz + interval '70 s' END)`,
      [id, owner.id, status, errorCode ?? null, at],
    );
    return id;
  }

  const ids = (jobs: Listed[]) => jobs.map((job) => job.job_id);
  const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString();

  describe('a day', () => {
    /** On the day that clocks in Amsterdam are put forward, which has 23 hours there. */
    const DAY = '2026-03-29';
    let jobs: Record<'before' | 'first' | 'noon' | 'last' | 'after', string>;

    beforeAll(async () => {
      jobs = {
        before: await jobAt(user, '2026-03-28T22:59:59.999Z', 'completed'),
        first: await jobAt(user, '2026-03-28T23:00:00Z', 'completed'),
        noon: await jobAt(user, '2026-03-29T10:00:00Z', 'failed', 'NO_VIDEO'),
        last: await jobAt(user, '2026-03-29T21:59:59.999Z', 'queued'),
        after: await jobAt(user, '2026-03-29T22:00:00Z', 'completed'),
      };
      await jobAt(other.user, '2026-03-29T10:00:00Z', 'completed');
    });

    const dayOf = (query: string, by = client) => by.get<Day>(`/api/jobs/today?${query}`);

    it('is that of the time zone, with its jobs and their numbers', async () => {
      const answer = await dayOf(`date=${DAY}&timezone=Europe/Amsterdam`);
      expect(answer.data).toMatchObject({
        date: DAY,
        timezone: 'Europe/Amsterdam',
        starts_at: '2026-03-28T23:00:00.000Z',
        ends_at: '2026-03-29T22:00:00.000Z',
        stats: {
          jobs: { total: 3, active: 1, queued: 1, completed: 1, failed: 1, cancelled: 0, is_estimate: false },
          success_rate: 0.5,
          duration_s: { p50: 60, p95: 60, sample: 1 },
          wait_s: { p50: 10, sample: 1 },
        },
      });
      expect(ids(answer.data.jobs)).toEqual([jobs.last, jobs.noon, jobs.first]);
      expect(answer.body.pagination).toMatchObject({ total: 3, total_pages: 1, has_next: false });
    });

    it('is that of UTC otherwise', async () => {
      const { data } = await dayOf(`date=${DAY}`);
      expect(data).toMatchObject({ timezone: 'UTC', starts_at: `${DAY}T00:00:00.000Z` });
      expect(ids(data.jobs)).toEqual([jobs.after, jobs.last, jobs.noon]);
    });

    it('can be limited to a state and read on, while its numbers stay those of the day', async () => {
      const failed = await dayOf(`date=${DAY}&status=failed`);
      expect(ids(failed.data.jobs)).toEqual([jobs.noon]);
      expect(failed.data.stats.jobs).toMatchObject({ total: 3 });
      expect(failed.body.pagination).toMatchObject({ total: 1 });
      const first = await dayOf(`date=${DAY}&per_page=2`);
      const rest = await dayOf(
        `date=${DAY}&per_page=2&cursor=${String(first.body.pagination?.['next_cursor'])}`,
      );
      expect([...ids(first.data.jobs), ...ids(rest.data.jobs)]).toEqual([jobs.after, jobs.last, jobs.noon]);
    });

    it("is today by default, with one's own jobs, or for staff those of everybody", async () => {
      await notOverMidnight();
      const [mine, theirs] = [
        await jobAt(user, new Date().toISOString(), 'queued'),
        await jobAt(other.user, new Date().toISOString(), 'queued'),
      ];
      const today = (await dayOf('')).data;
      expect(today.date).toBe(new Date().toISOString().slice(0, 10));
      expect(ids(today.jobs)).toEqual([mine]);
      const all = (await dayOf('', staff)).data;
      expect(ids(all.jobs)).toEqual(expect.arrayContaining([theirs, mine]));
      expect(all.stats.jobs['queued']).toBeGreaterThanOrEqual(2);
    });

    it.each(['date=2026-02-30', 'date=yesterday', 'timezone=Mars/Olympus', 'timezone=%2B03:00', 'page=0'])(
      'refuses ?%s',
      async (query) => expect(outcome(await dayOf(query))).toEqual({ status: 400, code: 'VALIDATION_ERROR' }),
    );
  });

  describe('filters', () => {
    it('take a state from the path, a code and times from the query', async () => {
      const { user: owner, client: reader } = await api.user();
      const old = await jobAt(owner, '2025-01-01T00:00:00Z', 'failed', 'NO_VIDEO');
      const damaged = await jobAt(owner, '2025-01-02T00:00:00Z', 'failed', 'DAMAGED');
      const done = await jobAt(owner, '2025-01-03T00:00:00Z', 'completed');
      const recent = await jobAt(owner, '2025-01-04T00:00:00Z', 'failed', 'NO_VIDEO');
      const list = async (path: string) => {
        const { data, body } = await reader.get<Listed[]>(`/api/jobs/${path}`);
        expect(body.pagination).toMatchObject({ total: data.length });
        return ids(data);
      };
      expect(await list('status/failed')).toEqual([recent, damaged, old]);
      expect(await list('status/queued')).toEqual([]);
      const times = 'created_after=2025-01-02T00:00:00Z&created_before=2025-01-04T00:00:00Z';
      expect(await list(`history?${times}`)).toEqual([done, damaged]);
      expect(await list(`status/failed?${times}`)).toEqual([damaged]);
      expect(await list('history?error_code=NO_VIDEO')).toEqual([recent, old]);
      expect(await list('history?error_code=NO_VIDEO&created_after=2025-01-02T00:00:00%2B00:00')).toEqual([
        recent,
      ]);
      expect(await list('history?error_code=NO_VIDEO&status=completed')).toEqual([]);
      expect(await list(`user/${owner.id}?status=completed`)).toEqual([done]);
    });

    it.each([
      'status/done',
      'status/failed?created_after=yesterday',
      'history?error_code=',
      'recent/0',
      'recent/101',
      'recent/1e9',
      'recent/abc',
      'user/me',
    ])('refuses %s', async (path) =>
      expect(outcome(await client.get(`/api/jobs/${path}`))).toEqual({
        status: 400,
        code: 'VALIDATION_ERROR',
      }),
    );
  });

  it('gives the newest jobs, so many at most', async () => {
    const { user: owner, client: reader } = await api.user();
    const made = [await jobAt(owner, hoursAgo(3), 'queued'), await jobAt(owner, hoursAgo(2), 'failed')];
    made.push(await jobAt(owner, hoursAgo(1), 'completed'));
    expect(ids((await reader.get<Listed[]>('/api/jobs/recent/2')).data)).toEqual([made[2], made[1]]);
    expect(ids((await reader.get<Listed[]>('/api/jobs/recent/100')).data)).toEqual([...made].reverse());
    expect((await staff.get<Listed[]>('/api/jobs/recent/5')).data).toHaveLength(5);
  });

  it('gives the jobs of a user to that user and to staff; for others nobody is there', async () => {
    const own = await client.get<Listed[]>(`/api/jobs/user/${user.id}?per_page=100`);
    const seen = await staff.get<Listed[]>(`/api/jobs/user/${user.id}?per_page=100`);
    expect(own.data.length).toBeGreaterThan(0);
    expect(ids(seen.data)).toEqual(ids(own.data));
    const nobody = { status: 404, code: 'USER_NOT_FOUND' };
    expect(outcome(await client.get(`/api/jobs/user/${other.user.id}`))).toEqual(nobody);
    expect(outcome(await client.get(`/api/jobs/user/${uuidv7()}`))).toEqual(nobody);
    expect(outcome(await staff.get(`/api/jobs/user/${uuidv7()}`))).toEqual(nobody);
  });

  describe('the numbers', () => {
    let owner: TestUser;
    let reader: HttpClient;

    beforeAll(async () => {
      ({ user: owner, client: reader } = await api.user());
      for (const [hours, status, code] of [
        [1, 'completed'],
        [2, 'failed', 'NO_VIDEO'],
        [2, 'processing'],
        [30, 'failed', 'DAMAGED'],
        [31, 'failed', 'DAMAGED'],
        [32, 'completed'],
        [24 * 8, 'completed'],
        [24 * 9, 'cancelled'],
      ] as const)
        await jobAt(owner, hoursAgo(hours), status, code);
    });

    it('are those of all time, of a day and of a week', async () => {
      const { data } = await reader.get<Record<string, unknown>>('/api/jobs/summary/stats');
      const counts = (total: number, completed: number, failed: number, cancelled: number) => ({
        total,
        active: 1,
        queued: 0,
        processing: 1,
        completed,
        failed,
        cancelled,
        is_estimate: false,
      });
      expect(data).toMatchObject({
        scope: 'own',
        all_time: { jobs: counts(8, 3, 3, 1), success_rate: 0.5, clips: 0 },
        last_24h: { jobs: counts(3, 1, 1, 0), success_rate: 0.5 },
        last_7d: { jobs: counts(6, 2, 3, 0), success_rate: 0.4 },
      });
      const all = (await staff.get<{ scope: string; all_time: Stats }>('/api/jobs/summary/stats')).data;
      expect(all.scope).toBe('all');
      expect(all.all_time.jobs['total']).toBeGreaterThan(8);
    });

    it('can be seen over time, with the causes of failures', async () => {
      interface Metrics {
        buckets: { from: string; created: number; failed: number }[];
        [key: string]: unknown;
      }
      const { data } = await reader.get<Metrics>('/api/analytics/metrics?period=7d');
      expect(data).toMatchObject({
        scope: 'own',
        period: '7d',
        stats: { jobs: { total: 6, failed: 3 } },
        failures: [
          { error_code: 'DAMAGED', message: 'DAMAGED says why', count: 2 },
          { error_code: 'NO_VIDEO', count: 1 },
        ],
        load: null,
      });
      expect(data.buckets).toHaveLength(7);
      expect(data.buckets.reduce((sum, { created }) => sum + created, 0)).toBe(6);
      const day = (at: string) => data.buckets.find(({ from }) => from.slice(0, 10) === at.slice(0, 10));
      expect(day(hoursAgo(31))?.failed).toBeGreaterThanOrEqual(1);
      const hours = (await reader.get<Metrics>('/api/analytics/metrics')).data;
      expect(hours).toMatchObject({ period: '24h', stats: { jobs: { total: 3 } } });
      expect(hours.buckets).toHaveLength(24);
      const all = (await staff.get<Metrics>('/api/analytics/metrics')).data;
      expect(all).toMatchObject({ scope: 'all', load: { workers: 0, slots: 0, utilisation: null } });
      expect(outcome(await reader.get('/api/analytics/metrics?period=1y'))).toMatchObject({ status: 400 });
    });
  });

  describe('setting the state of a job', () => {
    const set = (id: string, body: object, by = client) => by.post<Listed>(`/api/jobs/${id}/status`, body);

    it('cancels it or queues it again, as the actions of that name', async () => {
      const id = await waitingJob(api.database, user.id);
      const cancelled = await set(id, { status: 'cancelled', reason: 'Wrong file' });
      expect(cancelled.data).toMatchObject({ job_id: id, status: 'cancelled' });
      const queued = await set(id, { status: 'queued' });
      expect(queued.data).toMatchObject({ job_id: id, status: 'queued', attempt: 2 });
      const rows = await Promise.all(
        [cancelled, queued].map(async ({ body }) => (await readableAuditOf(api, body.trace_id, 1))[0]),
      );
      expect(rows).toMatchObject([{ action: 'job.cancel', reason: 'Wrong file' }, { action: 'job.retry' }]);
    });

    it('is refused where the state does not lead there', async () => {
      const failed = await failedJob(api.database, user.id);
      const invalid = { status: 409, code: 'INVALID_JOB_STATE' };
      expect(outcome(await set(failed, { status: 'cancelled' }))).toEqual(invalid);
      expect(outcome(await set(await waitingJob(api.database, user.id), { status: 'queued' }))).toEqual(
        invalid,
      );
    });

    it.each(['completed', 'failed', 'processing', 'done', null])('is refused for %s', async (status) => {
      const id = await waitingJob(api.database, user.id);
      const answer = await set(id, { status });
      expect(outcome(answer)).toEqual({ status: 400, code: 'VALIDATION_ERROR' });
      expect(answer.body.details?.[0]).toMatchObject({
        path: 'status',
        message: expect.stringContaining('can be set to cancelled or queued') as string,
      });
      const [job] = await api.database.query('SELECT status FROM jobs WHERE id = $1', [id]);
      expect(job).toEqual({ status: 'queued' });
    });

    it("does nothing to somebody else's job, and lets nobody who may only read", async () => {
      const id = await waitingJob(api.database, user.id);
      const attempt = { status: 'cancelled' };
      expect(outcome(await set(id, attempt, other.client))).toEqual({ status: 404, code: 'JOB_NOT_FOUND' });
      expect(outcome(await set(id, attempt, staff))).toEqual({ status: 403, code: 'FORBIDDEN' });
      const [job] = await api.database.query('SELECT status FROM jobs WHERE id = $1', [id]);
      expect(job).toEqual({ status: 'queued' });
    });
  });

  it('lists clips, newest first, with their files', async () => {
    const { user: owner, client: reader } = await api.user();
    const made: string[] = [];
    const job = await jobAt(owner, hoursAgo(1), 'completed');
    for (const position of [1, 2, 3]) {
      const id = uuidv7();
      await api.database.query(
        `INSERT INTO clips (id, job_id, user_id, position, start_s, end_s, score, reasons)
         VALUES ($1, $2, $3, $4, 1, 2, 0.5, '[]')`,
        [id, job, owner.id, position],
      );
      made.unshift(id);
    }
    interface Clip {
      clip_id: string;
      variants: unknown[];
    }
    const first = await reader.get<Clip[]>('/api/clips/recent?per_page=2');
    expect(first.data.map((clip) => clip.clip_id)).toEqual(made.slice(0, 2));
    expect(first.body.pagination).toMatchObject({ total: 3, has_next: true });
    const rest = await reader.get<Clip[]>(
      `/api/clips/recent?cursor=${String(first.body.pagination?.['next_cursor'])}`,
    );
    expect(rest.data.map((clip) => clip.clip_id)).toEqual(made.slice(2));
    expect((await reader.get<Clip[]>('/api/clips/recent?page=2&per_page=2')).data).toEqual(rest.data);
    expect((await client.get<Clip[]>('/api/clips/recent')).data).toEqual([]);
    expect((await staff.get<Clip[]>('/api/clips/recent')).data).toHaveLength(3);
  });
});
