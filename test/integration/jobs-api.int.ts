import { v7 as uuidv7 } from 'uuid';
import type { HttpClient } from '../support/http-client';
import { begin, finalize, outcome, randomFile, send } from '../support/uploading';
import type { TestUser } from '../support/users';
import { bootUserApi, type UserApi } from '../support/user-api';

interface JobShown {
  job_id: string;
  status: string;
  title: string;
  priority: number;
  progress: number;
  attempt: number;
  error: { code: string; message: string } | null;
  steps: { agent: string; status: string; needs: string[]; error: unknown }[];
  [key: string]: unknown;
}

describe('jobs over HTTP', () => {
  let api: UserApi;
  let user: TestUser;
  let client: HttpClient;

  beforeAll(async () => {
    api = await bootUserApi({ settings: { uploads: { max_open_per_user: 1_000 } } });
    ({ user, client } = await api.user());
  });
  afterAll(() => api?.close());

  async function uploaded(by = client, filename = 'holiday.mp4'): Promise<string> {
    const { upload_id: id } = await begin(by, 100, { filename });
    await send(by, id, 0, randomFile(100));
    expect((await finalize(by, id)).status).toBe(200);
    return id;
  }

  async function created(by = client, more: object = {}): Promise<string> {
    const answer = await by.post<{ job_id: string }>('/api/jobs/create', {
      upload_id: await uploaded(by),
      ...more,
    });
    expect(answer.status).toBe(201);
    return answer.data.job_id;
  }

  const read = async (id: string, by = client) => (await by.get<JobShown>(`/api/jobs/${id}`)).data;

  /** Jobs as another process would have left them, the oldest first. */
  async function insertJobs(owner: string, statuses: string[]): Promise<string[]> {
    const ids = statuses.map(() => uuidv7());
    await api.database.query(
      `INSERT INTO jobs (id, user_id, title, status, graph_version, error_code, error_message, started_at, finished_at)
       SELECT id, $1, 'job', status, 1, CASE WHEN status = 'failed' THEN 'NO_VIDEO' END, 'A sentence.', now(), now()
       FROM unnest($2::uuid[], $3::text[]) AS rows (id, status)`,
      [owner, ids, statuses],
    );
    return ids;
  }

  describe('creating one', () => {
    it('queues it with a step for each agent, the first one ready', async () => {
      const answer = await client.post<{ job_id: string; status: string }>(
        '/api/jobs/create',
        { upload_id: await uploaded(), title: 'My title', priority: 2 },
        { 'x-trace-id': 'create-trace-1' },
      );
      expect({ status: answer.status, job: answer.data.status }).toEqual({ status: 201, job: 'queued' });
      const job = await read(answer.data.job_id);
      expect(job).toMatchObject({
        status: 'queued',
        title: 'My title',
        priority: 2,
        progress: 0,
        attempt: 1,
        error: null,
        user_id: user.id,
        trace_id: 'create-trace-1',
        clip_count: 0,
        finished_at: null,
        duration_s: null,
      });
      expect(job.steps.length).toBeGreaterThanOrEqual(7);
      expect(job.steps[0]).toMatchObject({ agent: 'inspector', status: 'queued', needs: [] });
      expect(job.steps.slice(1).map((step) => step.status)).toEqual(job.steps.slice(1).map(() => 'blocked'));
    });

    it.each([
      ['no upload', {}],
      ['an id that is none', { upload_id: 'abc' }],
      ['a priority too high', { upload_id: uuidv7(), priority: 11 }],
      ['a priority that is no number', { upload_id: uuidv7(), priority: '5' }],
      ['an empty title', { upload_id: uuidv7(), title: '' }],
      ['settings that are none', { upload_id: uuidv7(), settings: [] }],
      ['a field that is not taken', { upload_id: uuidv7(), status: 'completed' }],
    ])('refuses %s', async (_name, body) => {
      expect(outcome(await client.post('/api/jobs/create', body))).toEqual({
        status: 400,
        code: 'VALIDATION_ERROR',
      });
    });

    it('takes nothing but a finalized upload of the same user', async () => {
      const { upload_id: open } = await begin(client, 100);
      const { client: stranger } = await api.user();
      const attempts: [HttpClient, string, number, string][] = [
        [client, open, 409, 'UPLOAD_NOT_FINALIZED'],
        [client, uuidv7(), 404, 'UPLOAD_NOT_FOUND'],
        [stranger, await uploaded(), 404, 'UPLOAD_NOT_FOUND'],
      ];
      const [before] = await api.database.query('SELECT count(*) FROM jobs');
      for (const [by, uploadId, status, code] of attempts) {
        expect(outcome(await by.post('/api/jobs/create', { upload_id: uploadId }))).toEqual({ status, code });
      }
      expect(await api.database.query('SELECT count(*) FROM jobs')).toEqual([before]);
    });
  });

  describe('the history', () => {
    let owner: TestUser;
    let reader: HttpClient;
    let ids: string[];

    beforeAll(async () => {
      ({ user: owner, client: reader } = await api.user());
      const statuses = ['completed', 'failed', 'queued', 'processing', 'cancelled'];
      ids = await insertJobs(
        owner.id,
        Array.from({ length: 45 }, (_, position) => statuses[position % 5] ?? ''),
      );
    });

    const idsOf = (jobs: JobShown[]) => jobs.map((job) => job.job_id);
    const newestFirst = () => [...ids].reverse();

    it('is paged by number, newest first', async () => {
      const second = await reader.get<JobShown[]>('/api/jobs/history?page=2&per_page=20');
      expect(idsOf(second.data)).toEqual(newestFirst().slice(20, 40));
      expect(second.body.pagination).toEqual({
        page: 2,
        per_page: 20,
        total: 45,
        total_pages: 3,
        has_next: true,
        has_prev: true,
        next_cursor: newestFirst()[39],
      });
      const last = await reader.get<JobShown[]>('/api/jobs/history?page=3&per_page=20');
      expect(last.data).toHaveLength(5);
      expect(last.body.pagination).toMatchObject({ has_next: false, next_cursor: null });
      const beyond = await reader.get<JobShown[]>('/api/jobs/history?page=9');
      expect(beyond.data).toEqual([]);
    });

    it('is read to its end by cursor, each job once, although new ones arrive', async () => {
      const seen: string[] = [];
      let cursor: unknown = null;
      do {
        const query = cursor === null ? '' : `&cursor=${cursor as string}`;
        const page = await reader.get<JobShown[]>(`/api/jobs/history?per_page=7${query}`);
        seen.push(...idsOf(page.data));
        cursor = page.body.pagination?.['next_cursor'];
        ids.push(...(await insertJobs(owner.id, ['queued'])));
      } while (cursor !== null);
      expect(seen).toEqual(newestFirst().slice(-45));
    });

    it('can be limited to a status', async () => {
      const page = await reader.get<JobShown[]>('/api/jobs/history?status=failed&per_page=100');
      expect(page.data).toHaveLength(9);
      expect(page.data[0]).toMatchObject({
        status: 'failed',
        error: { code: 'NO_VIDEO', message: 'A sentence.' },
        duration_s: 0,
      });
      expect(page.body.pagination).toMatchObject({ total: 9 });
    });

    it("shows users their own, and staff everybody's", async () => {
      const { client: operator } = await api.user('operator');
      const { client: newcomer } = await api.user();
      expect((await newcomer.get<JobShown[]>('/api/jobs/history')).data).toEqual([]);
      const all = await operator.get<JobShown[]>('/api/jobs/history?per_page=100');
      expect(idsOf(all.data)).toEqual(expect.arrayContaining(newestFirst().slice(0, 40)));
    });

    it.each([
      'per_page=0',
      'per_page=101',
      'per_page=1e9',
      'per_page=1000000000',
      'per_page=NaN',
      'per_page=',
      'per_page=10.5',
      'page=0',
      'page=-1',
      'page=10001',
      'page=1000&per_page=100',
      'page=1&page=2',
      'cursor=abc',
      'status=unknown',
      'status=failed&status=queued',
      'sort=id;drop table jobs',
      'page[__proto__]=1',
    ])('refuses ?%s', async (query) => {
      expect(outcome(await reader.get(`/api/jobs/history?${query}`))).toEqual({
        status: 400,
        code: 'VALIDATION_ERROR',
      });
    });

    it('counts exactly up to 10,000, and says so when it only estimates beyond', async () => {
      const { user: busy, client: busyClient } = await api.user();
      const jobs = (count: number) =>
        insertJobs(
          busy.id,
          Array.from({ length: count }, () => 'completed'),
        );
      await jobs(10_000);
      const exact = (await busyClient.get('/api/jobs/history')).body.pagination;
      expect(exact).toMatchObject({ total: 10_000, total_pages: 500 });
      expect(exact).not.toHaveProperty('total_is_estimate');
      await jobs(2_000);
      await api.database.query('ANALYZE jobs');
      const estimated = (await busyClient.get('/api/jobs/history?status=completed')).body.pagination;
      expect(estimated).toMatchObject({ total_is_estimate: true, has_next: true });
      expect(estimated?.['total']).toBeGreaterThan(10_000);
      expect(estimated?.['total']).toBeLessThan(15_000);
      const deepest = await busyClient.get<JobShown[]>('/api/jobs/history?page=100&per_page=100');
      expect(deepest.data).toHaveLength(100);
      const cursor = String(deepest.body.pagination?.['next_cursor']);
      const beyond = await busyClient.get<JobShown[]>(`/api/jobs/history?per_page=100&cursor=${cursor}`);
      expect(beyond.data).toHaveLength(100);
    });
  });

  describe("somebody else's", () => {
    it('does not exist for a user, and can be read by staff', async () => {
      const id = await created();
      const { client: stranger } = await api.user();
      const notFound = { status: 404, code: 'JOB_NOT_FOUND' };
      for (const path of [id, `${id}/clips`, `${id}/retry`, uuidv7()]) {
        expect(outcome(await stranger.get(`/api/jobs/${path}`))).toEqual(notFound);
      }
      for (const verb of ['cancel', 'retry']) {
        expect(outcome(await stranger.post(`/api/jobs/${id}/${verb}`))).toEqual(notFound);
      }
      for (const role of ['admin', 'operator', 'supervisor', 'readonly'] as const) {
        const { client: staff } = await api.user(role);
        expect((await read(id, staff)).job_id).toBe(id);
        expect((await staff.get(`/api/jobs/${id}/clips`)).data).toEqual([]);
        // What staff do to the jobs of others, they do as actions of the admin side.
        const expected = role === 'readonly' ? { status: 403, code: 'FORBIDDEN' } : notFound;
        expect(outcome(await staff.post(`/api/jobs/${id}/cancel`))).toEqual(expected);
      }
      expect((await read(id)).status).toBe('queued');
    });

    it.each(['abc', '%00', "' or 1=1--"])('is not found by the id %j', async (id) => {
      expect((await client.get(`/api/jobs/${encodeURIComponent(id)}`)).status).toBe(400);
    });
  });

  describe('cancelling and retrying', () => {
    it('goes through the pipeline: done once, recorded, and told', async () => {
      const id = await created();
      expect((await client.get(`/api/jobs/${id}/retry`)).data).toMatchObject({
        job_id: id,
        can_retry: false,
      });
      const key = { 'x-idempotency-key': `cancel-${id}` };
      const first = await client.post(`/api/jobs/${id}/cancel`, { reason: 'Wrong file' }, key);
      expect(first.data).toMatchObject({ job_id: id, status: 'cancelled' });
      const again = await client.post(`/api/jobs/${id}/cancel`, { reason: 'Wrong file' }, key);
      expect(again.bytes.equals(first.bytes)).toBe(true);
      expect(again.headers.get('idempotent-replayed')).toBe('true');
      expect(await read(id)).toMatchObject({ status: 'cancelled', cancel_reason: 'Wrong file' });

      const advice = await client.get<{ from: string[] }>(`/api/jobs/${id}/retry`);
      expect(advice.data).toMatchObject({ job_id: id, can_retry: true });
      expect((await read(id)).status).toBe('cancelled');
      const retried = await client.post(`/api/jobs/${id}/retry`, { from: 'start' });
      expect(retried.data).toMatchObject({ job_id: id, status: 'queued', attempt: 2 });
      expect(await read(id)).toMatchObject({ status: 'queued', attempt: 2 });

      const audit = await api.database.query(
        "SELECT DISTINCT action, outcome FROM audit_entries WHERE actor_id = $1 AND outcome <> 'pending' ORDER BY 1",
        [user.id],
      );
      expect(audit).toEqual(
        expect.arrayContaining([
          { action: 'job.cancel', outcome: 'succeeded' },
          { action: 'job.retry', outcome: 'succeeded' },
        ]),
      );
    });

    it('is refused where the state does not allow it', async () => {
      const [done = ''] = await insertJobs(user.id, ['completed']);
      const invalid = { status: 409, code: 'INVALID_JOB_STATE' };
      expect(outcome(await client.post(`/api/jobs/${done}/cancel`))).toEqual(invalid);
      expect(outcome(await client.post(`/api/jobs/${done}/retry`))).toEqual(invalid);
      const bad = await client.post(`/api/jobs/${done}/retry`, { from: 'middle' });
      expect(outcome(bad)).toEqual({ status: 400, code: 'VALIDATION_ERROR' });
    });
  });

  describe('clips', () => {
    it('have their reasons, files and links; others do not see them', async () => {
      const [jobId = ''] = await insertJobs(user.id, ['completed']);
      const [clipId, artifactId] = [uuidv7(), uuidv7()];
      await api.database.query(
        `INSERT INTO artifacts (id, job_id, kind, name, content_type, storage_key, size_bytes, sha256)
         VALUES ($1, $2, 'clip', 'clip-01.mp4', 'video/mp4', $3, 10, $4)`,
        [artifactId, jobId, `jobs/${jobId}/packager/1/clip-01.mp4`, 'ab'.repeat(32)],
      );
      await api.database.query(
        `INSERT INTO clips (id, job_id, user_id, position, start_s, end_s, score, reasons)
         VALUES ($1, $2, $3, 1, 12.4, 27.4, 0.8, $4)`,
        [clipId, jobId, user.id, JSON.stringify([{ kind: 'loud', sentence: 'It is loud.' }])],
      );
      await api.database.query(`INSERT INTO clip_variants VALUES ($1, '16x9', 1280, 720, 15, $2)`, [
        clipId,
        artifactId,
      ]);
      const [clip] = (await client.get<Record<string, unknown>[]>(`/api/jobs/${jobId}/clips`)).data;
      expect(clip).toMatchObject({
        clip_id: clipId,
        job_id: jobId,
        position: 1,
        start_s: 12.4,
        end_s: 27.4,
        duration_s: 15,
        score: 0.8,
        reasons: [{ kind: 'loud', sentence: 'It is loud.' }],
        poster_url: null,
        variants: [
          { format: '16x9', width: 1280, height: 720, duration_s: 15, content_type: 'video/mp4', size: 10 },
        ],
      });
      expect((await client.get(`/api/clips/${clipId}`)).data).toEqual(clip);
      expect(await read(jobId)).toMatchObject({ clip_count: 1 });
      const { client: stranger } = await api.user();
      const hidden = await stranger.get(`/api/clips/${clipId}`);
      expect(outcome(hidden)).toEqual({ status: 404, code: 'CLIP_NOT_FOUND' });
      const [variant] = clip?.['variants'] as { download_url: string }[];
      expect(variant?.download_url).toMatch(
        new RegExp(`^${api.env.publicUrl}/api/downloads/[\\w-]+\\.[\\w-]+$`),
      );
    });
  });
});
