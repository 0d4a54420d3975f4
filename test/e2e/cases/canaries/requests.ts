import { underTellingNames, withinSentences } from '../../../support/canaries/places';
import type { Watch } from '../../../support/canaries/watch';
import { jwt, word } from '../../../support/canaries/secrets';
import { waitingJob } from '../../../support/pipeline';

const CONFIRM = 'system.maintenance_mode_toggle';

/** Bodies: of actions, whatever is wrong with them, and of every other endpoint that takes one. */
export function requestsWithSecrets(watching: () => Watch): void {
  let watch: Watch;
  beforeAll(() => {
    watch = watching();
  });
  const plant = (...args: Parameters<Watch['canaries']['plant']>) => watch.canaries.plant(...args);

  it('of actions that are refused', async () => {
    for (const { place, value, secret } of underTellingNames()) {
      plant(`a field, ${place}`, secret);
      expect(await watch.act('queue.pause', { queue: value })).toBe(400);
      expect(await watch.act('job.export', { filter: value })).toBe(400);
      expect(await watch.act('no.such', { a: value })).toBe(400);
      expect(await watch.act('queue.pause', { queue: 'inspector', ...(value as object) })).toBe(400);
      expect(await watch.act('queue.pause', { queue: 'inspector' }, value as object)).toBe(400);
      expect(await watch.act('config.save', { settings: value, expected_version: 1 })).toBe(400);
    }
    for (const { place, value, secret } of withinSentences()) {
      plant(`a value: ${place}`, secret);
      expect([400, 404]).toContain(await watch.act('queue.pause', { queue: value }));
      const configured = await watch.act('config.configure_agent', { agent_id: value, settings: {} });
      expect([400, 404]).toContain(configured);
      expect(await watch.act('queue.pause', { queue: 'inspector', note: value })).toBe(400);
    }
  });

  it('of reasons', async () => {
    for (const { place, value, secret } of withinSentences()) {
      plant(`a reason with ${place}`, secret);
      expect(await watch.act('queue.resume', { queue: 'all' }, { reason: value })).toBe(200);
      expect(await watch.act('job.cancel', { job_id: word() }, { reason: value })).toBe(400);
      expect(await watch.act('queue.clear', { queue: 'inspector' }, { dry_run: true, reason: value })).toBe(
        200,
      );
      // There is a worker, which must not get to them first.
      const job = await waitingJob(watch.cluster, watch.userId, 3_600);
      const reason = { json: { reason: value } };
      expect((await watch.user.call('POST', `/api/jobs/${job}/cancel`, reason)).status).toBe(200);
      const other = await waitingJob(watch.cluster, watch.userId, 3_600);
      expect(await watch.act('job.cancel', { job_id: other }, { reason: value })).toBe(200);
    }
    const reason = `api_key=${plant('a reason of a critical action')}`;
    expect(await watch.act(CONFIRM, { enabled: false }, { confirm: CONFIRM, reason })).toBe(200);
    const clear = { reason: `pwd=${plant('a reason of an operation')}`, wait_ms: 20_000 };
    expect(await watch.act('queue.clear', { queue: 'packager' }, clear)).toBe(200);
  });

  it('of what is searched for', async () => {
    for (const { place, value, secret } of withinSentences()) {
      // Whoever wants to follow the log is told what to say at the gateway, unless that is too long.
      const told = value.length <= 200 ? /^answers to POST \/api\/admin\/action with 200$/ : undefined;
      plant(`a search for ${place}`, secret, told);
      for (const search of [
        { actor: value },
        { action: value.slice(0, 100) },
        { trace_id: value.slice(0, 100) },
      ])
        expect([200, 400]).toContain(await watch.act('logs.search_audit', search));
      if (/^an IP/.test(place)) expect(await watch.act('logs.search_audit', { ip: secret })).toBe(200);
      expect(await watch.act('config.list_users', { search: value })).toBe(400);
      expect([200, 400]).toContain(await watch.act('logs.stream_realtime', { q: value }));
    }
  });

  it('of people and passwords', async () => {
    const post = (path: string, json: unknown) => watch.user.call('POST', path, { json });
    await post('/api/auth/login', { email: `${word()}@example.test`, password: plant('a wrong password') });
    await post('/api/auth/login', { email: { password: plant('a password as an address') }, password: 1 });
    await post('/api/auth/login', {
      email: 'a@example.test',
      password: 'x',
      otp: plant('an unknown field of a login'),
    });
    await post('/api/auth/login', {
      email: 'a@example.test',
      password: 'x',
      [plant('the name of an unknown field', word(), /^answers to POST \/api\/auth\/login/)]: 1,
    });
    await post('/api/auth/refresh', { refresh_token: plant('a refresh token') });
    await post('/api/auth/refresh', { refresh_token: plant('an access token as refresh token', jwt()) });
    const [email, password] = [`${word()}@example.test`, plant('the password of a new user')];
    const made = await watch.admin.action('config.add_user', { email, password, role: 'user' });
    expect(made.status).toBe(200);
    expect((await watch.cluster.http().post('/api/auth/login', { email, password })).status).toBe(200);
    expect(
      await watch.act('config.add_user', { email, password: plant('a refused new password'), role: 'user' }),
    ).toBe(409);
  });

  it('of bodies that cannot be read', async () => {
    const json = { 'content-type': 'application/json' };
    const paths = [
      '/api/admin/action',
      '/api/jobs/create',
      '/api/upload/init',
      '/api/upload/finalize',
      '/api/auth/login',
      '/api/agents/config',
    ];
    for (const path of paths) {
      const secret = plant(`a broken body of ${path}`);
      const bodies: [string, Record<string, string>][] = [
        [`{"password":"${secret}"`, json],
        [`{"password":"${secret}","password":"${secret}"}`, json],
        [`{"${secret}":1,"${secret}":2}`, json],
        [`{"n":12345678901234567890,"password":"${secret}"}`, json],
        [`password=${secret}`, { 'content-type': 'application/x-www-form-urlencoded' }],
        [secret, { 'content-type': 'text/plain' }],
        [`{"password":"${secret}${'x'.repeat(300_000)}"}`, json],
        [`"${secret}"`, json],
        [`["${secret}"]`, json],
      ];
      for (const api of [0, 1])
        for (const [raw, headers] of bodies) {
          const answer = await watch.admin.at(watch.cluster.url(api)).call('POST', path, { raw, headers });
          expect([400, 413, 415]).toContain(answer.status);
        }
    }
  });
}
