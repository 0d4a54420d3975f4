import type { Cluster } from '../../support/cluster';
import { eventually, within } from '../../support/eventually';
import type { Answer, HttpClient } from '../../support/http-client';
import { shortVideo } from '../../support/media';
import { makeUser, signIn, type Tokens } from '../../support/users';
import { createJob, PLAIN_CLIPS, settled, upload } from '../../support/video-way';
import { WsClient } from '../../support/ws-client';

const outcome = (answer: Answer): { status: number; code: string | undefined } => ({
  status: answer.status,
  code: answer.body.error_code,
});

/** What people may do and see. */
export function people(running: () => Cluster): void {
  let cluster: Cluster;
  beforeAll(() => {
    cluster = running();
  });

  describe('signing in', () => {
    it('gives a session that holds at both processes until logging out ends it at both', async () => {
      const user = await makeUser(cluster, 'user');
      const tokens = await signIn(cluster.http(0), user);
      expect(tokens.user).toMatchObject({ email: user.email, role: 'user' });
      const [a, b] = [0, 1].map((api) => cluster.http(api).as(tokens.access_token)) as [
        HttpClient,
        HttpClient,
      ];
      expect((await a.get('/api/jobs/history')).status).toBe(200);
      expect((await b.get('/api/jobs/history')).status).toBe(200);
      expect((await a.post('/api/auth/logout')).status).toBeLessThan(300);
      await within(1_000, async () =>
        expect(outcome(await b.get('/api/jobs/history'))).toEqual({ status: 401, code: 'UNAUTHORIZED' }),
      );
      const refreshed = await cluster
        .http(1)
        .post('/api/auth/refresh', { refresh_token: tokens.refresh_token });
      expect(refreshed.status).toBe(401);
    });

    it('tells neither whether an account exists nor which half was wrong', async () => {
      const user = await makeUser(cluster, 'user');
      const wrong = await cluster.http().post('/api/auth/login', { email: user.email, password: 'not it' });
      const nobody = await cluster
        .http()
        .post('/api/auth/login', { email: 'nobody@example.test', password: 'not it' });
      expect(outcome(wrong)).toEqual({ status: 401, code: 'INVALID_CREDENTIALS' });
      expect(outcome(nobody)).toEqual(outcome(wrong));
      expect(nobody.body.error).toBe(wrong.body.error);
    });

    it('locks an account for an address after five wrong passwords, at both processes', async () => {
      const user = await makeUser(cluster, 'user');
      for (let attempt = 0; attempt < 5; attempt += 1) {
        await cluster.http(attempt % 2).post('/api/auth/login', { email: user.email, password: 'not it' });
      }
      const right = await cluster
        .http(1)
        .post('/api/auth/login', { email: user.email, password: user.password });
      expect(outcome(right)).toEqual({ status: 429, code: 'ACCOUNT_LOCKED' });
      expect(Number(right.headers.get('retry-after'))).toBeGreaterThan(0);
    });

    it('ends the whole family when a used refresh token comes back late', async () => {
      const user = await makeUser(cluster, 'user');
      const first = await signIn(cluster.http(0), user);
      const refresh = (api: number, token: string) =>
        cluster.http(api).post<Tokens>('/api/auth/refresh', { refresh_token: token });
      const second = (await refresh(1, first.refresh_token)).data;
      const third = (await refresh(0, second.refresh_token)).data;
      // Its successor was used as well, so this is no lost answer: somebody else has the token.
      expect((await refresh(1, first.refresh_token)).status).toBe(401);
      expect((await refresh(0, third.refresh_token)).status).toBe(401);
      await eventually(async () => {
        const read = await cluster.http(1).as(third.access_token).get('/api/jobs/history');
        expect(read.status).toBe(401);
      });
    });

    it('bites within a second when somebody is demoted or disabled, on open sockets too', async () => {
      const { user, client } = await cluster.user('operator');
      const socket = await cluster.socket(client, 1);
      await socket.subscribe('queues');
      expect((await client.action('queue.pause', { queue: 'packager' })).status).toBe(200);
      expect((await client.action('queue.resume', { queue: 'packager' })).status).toBe(200);
      await cluster.query("UPDATE users SET role = 'user', auth_version = auth_version + 1 WHERE id = $1", [
        user.id,
      ]);
      await within(1_000, async () =>
        expect(
          outcome(await client.at(cluster.url(1)).action('queue.resume', { queue: 'packager' })),
        ).toEqual({ status: 403, code: 'FORBIDDEN' }),
      );
      await cluster.query('UPDATE users SET enabled = false, auth_version = auth_version + 1 WHERE id = $1', [
        user.id,
      ]);
      await within(1_000, async () => expect((await client.get('/api/jobs/history')).status).toBe(401));
      await eventually(() => expect(socket.closed).toBeDefined(), { timeoutMs: 5_000 });
    });
  });

  describe('what belongs to somebody else', () => {
    it('does not exist: jobs, clips, uploads, live topics', async () => {
      const { client: owner } = await cluster.user('user');
      const { client: stranger } = await cluster.user('user');
      const uploadId = await upload([owner], await shortVideo());
      const jobId = await createJob(owner, uploadId, PLAIN_CLIPS);

      const attempts: [string, Promise<Answer>, string][] = [
        ['read the job', stranger.get(`/api/jobs/${jobId}`), 'JOB_NOT_FOUND'],
        ['read its clips', stranger.get(`/api/jobs/${jobId}/clips`), 'JOB_NOT_FOUND'],
        ['cancel it', stranger.post(`/api/jobs/${jobId}/cancel`), 'JOB_NOT_FOUND'],
        ['retry it', stranger.post(`/api/jobs/${jobId}/retry`), 'JOB_NOT_FOUND'],
        ['read the upload', stranger.get(`/api/upload/status/${uploadId}`), 'UPLOAD_NOT_FOUND'],
        ['use the upload', stranger.post('/api/jobs/create', { upload_id: uploadId }), 'UPLOAD_NOT_FOUND'],
        [
          'finish the upload',
          stranger.post('/api/upload/finalize', { upload_id: uploadId }),
          'UPLOAD_NOT_FOUND',
        ],
      ];
      for (const [what, attempt, code] of attempts) {
        expect({ what, ...outcome(await attempt) }).toEqual({ what, status: 404, code });
      }
      const socket = await cluster.socket(stranger);
      await expect(socket.subscribe(`job:${jobId}`)).rejects.toThrow(/FORBIDDEN|NOT_FOUND/);
      await expect(socket.subscribe('queues')).rejects.toThrow(/FORBIDDEN/);
      await socket.close();

      expect((await settled(owner, jobId)).status).toBe('completed');
      const history = await stranger.get<unknown[]>('/api/jobs/history');
      expect(history.data).toEqual([]);
      const [clip] = await cluster.query<{ id: string }>('SELECT id FROM clips WHERE job_id = $1 LIMIT 1', [
        jobId,
      ]);
      expect(outcome(await stranger.get(`/api/clips/${clip?.id}`))).toEqual({
        status: 404,
        code: 'CLIP_NOT_FOUND',
      });
    });
  });

  describe('the admin side', () => {
    it('is closed without a token, and to a user; the denial is recorded and nothing happens', async () => {
      const { user, client } = await cluster.user('user');
      expect(outcome(await cluster.http().action('queue.pause', { queue: 'packager' }))).toEqual({
        status: 401,
        code: 'UNAUTHORIZED',
      });
      const denied = await client.action(
        'queue.pause',
        { queue: 'packager' },
        { headers: { 'x-trace-id': 'denied-trace-1' } },
      );
      expect(outcome(denied)).toEqual({ status: 403, code: 'FORBIDDEN' });
      expect(denied.headers.get('x-trace-id')).toBe('denied-trace-1');
      expect(await cluster.query("SELECT paused FROM queues WHERE name = 'packager' AND paused")).toEqual([]);
      await eventually(async () =>
        expect(
          await cluster.query(
            'SELECT phase, outcome, status, error_code, trace_id FROM audit_entries WHERE actor_id = $1',
            [user.id],
          ),
        ).toEqual([
          {
            phase: 'denial',
            outcome: 'denied',
            status: 403,
            error_code: 'FORBIDDEN',
            trace_id: 'denied-trace-1',
          },
        ]),
      );
      expect((await client.get('/api/admin/ssot')).status).toBe(403);
    });

    it('keeps users out in maintenance, at both processes within a second, and lets operators go on', async () => {
      const { client: admin } = await cluster.user('admin');
      const { client } = await cluster.user('user');
      const toggle = (enabled: boolean) =>
        admin.action(
          'system.maintenance_mode_toggle',
          { enabled, message: 'Back soon' },
          {
            options: { confirm: 'system.maintenance_mode_toggle', reason: 'a test' },
            headers: { 'x-idempotency-key': `maintenance-${enabled}-${Date.now()}` },
          },
        );
      expect((await toggle(true)).status).toBe(200);
      for (const api of [0, 1]) {
        await eventually(
          async () => {
            const answer = await client.at(cluster.url(api)).get('/api/jobs/history');
            expect(outcome(answer)).toEqual({ status: 503, code: 'MAINTENANCE' });
            expect(answer.headers.get('retry-after')).not.toBeNull();
          },
          { timeoutMs: 5_000 },
        );
      }
      expect((await admin.action('system.health_check')).status).toBe(200);
      expect((await toggle(false)).status).toBe(200);
      await eventually(async () => expect((await client.get('/api/jobs/history')).status).toBe(200), {
        timeoutMs: 5_000,
      });
    });

    it('shows the effect of an action in the next read of the read model', async () => {
      const { client: admin } = await cluster.user('admin');
      await admin.action('queue.pause', { queue: 'packager' });
      const read = await eventually(
        async () => {
          const answer = await admin.at(cluster.url(1)).get<Record<string, unknown>>('/api/admin/ssot');
          expect(answer.status).toBe(200);
          expect(JSON.stringify(answer.data['queue'])).toMatch(/"paused":true/);
          return answer;
        },
        { timeoutMs: 3_000 },
      );
      const sections = [
        'dashboard',
        'agents_workers',
        'queue',
        'analytics',
        'logs',
        'managers',
        'services',
        'system',
      ];
      expect(Object.keys(read.data)).toEqual(expect.arrayContaining(sections));
      const etag = read.headers.get('etag') ?? '';
      expect(etag).not.toBe('');
      await admin.action('queue.resume', { queue: 'packager' });
    });
  });

  describe('the gateway', () => {
    it('refuses a foreign origin, a token that is none, and silence', async () => {
      await expect(
        WsClient.open(cluster.wsUrl(), { origin: 'https://app.example.com.evil.io' }),
      ).rejects.toThrow('403');
      const forged = await WsClient.open(cluster.wsUrl());
      forged.send({ type: 'auth', token: 'forged' });
      await eventually(() => expect(forged.closed?.code).toBe(4401));
      const silent = await WsClient.open(cluster.wsUrl(1));
      await eventually(() => expect(silent.closed?.code).toBe(4401));
    });

    it('resumes at the other process without a gap, or says plainly that it cannot', async () => {
      const { client: operator } = await cluster.user('operator');
      const first = await cluster.socket(operator, 0);
      const { offset, epoch } = await first.subscribe('queues');
      const since = { offset: offset ?? 0, epoch: epoch ?? '' };
      await first.close();
      for (const action of ['queue.pause', 'queue.resume', 'queue.pause', 'queue.resume']) {
        expect((await operator.action(action, { queue: 'packager' })).status).toBe(200);
      }
      const second = await cluster.socket(operator, 1);
      expect(await second.subscribe('queues', since)).toMatchObject({ recovered: true });
      await eventually(() => {
        const paused = second
          .events('queues')
          // Those with counts come from the dispatcher, whenever the counts have changed.
          .filter((event) => event.data?.['counts'] === undefined)
          .map((event) => event.data?.['paused']);
        expect(paused).toEqual([true, false, true, false]);
      });
      const offsets = second.events('queues').map((event) => event.offset);
      expect(offsets).toEqual(offsets.map((_, index) => since.offset + 1 + index));
      await second.close();
      const third = await cluster.socket(operator, 1);
      expect(await third.subscribe('queues', { offset: since.offset, epoch: 'another-epoch' })).toMatchObject(
        { recovered: false },
      );
      await third.close();
    });
  });
}
