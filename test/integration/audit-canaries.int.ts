import { randomBytes } from 'node:crypto';
import { AuditLog } from '../../src/pipeline/audit/audit-log';
import { redisKeys, tables } from '../support/canaries/stores';
import { startInstallation, type TestInstallation } from '../support/installation';
import { newKey, waitingJob } from '../support/pipeline';

/** Secrets that were planted, by the place they were planted in. */
const planted = new Map<string, string>();
const plant = (place: string): string => {
  const canary = `c4nary${randomBytes(8).toString('hex')}`;
  planted.set(place, canary);
  return canary;
};

let installation: TestInstallation;
beforeAll(async () => {
  installation = await startInstallation();
});
afterAll(() => installation?.close());

it('keeps secrets out of every table and out of Redis, wherever they were put into a request', async () => {
  const { user, client: admin, refreshToken } = await installation.user('admin');
  planted.set('password', user.password);
  planted.set('access token', admin.token ?? '');
  planted.set('refresh token', refreshToken);
  const answers: number[] = [];
  const run = async (
    action: string,
    payload: object,
    options?: object,
    headers: Record<string, string> = {},
  ) => {
    const answer = await admin.action(action, payload, {
      ...(options ? { options } : {}),
      headers: { ...newKey(), ...headers },
    });
    answers.push(answer.status);
  };
  const post = (path: string, body: object) => installation.http().post(path, body);

  await post('/api/auth/login', { email: user.email, password: plant('wrong password') });
  await post('/api/auth/refresh', { refresh_token: plant('refresh token of nobody') });
  await admin.as(plant('access token of nobody')).action('queue.pause', { queue: 'inspector' });
  await admin.get(`/api/admin/ssot?access_token=${plant('query')}`);

  await run('queue.pause', { queue: 'inspector', password: plant('unknown field') });
  await run('queue.pause', { queue: { token: plant('field of a wrong type') } });
  await run('queue.pause', { queue: 'inspector', [plant('name of an unknown field')]: 1 });
  await run('queue.pause', { queue: 'inspector' }, { password: plant('unknown option') });
  await run('job.export', { filter: { api_key: plant('nested unknown field') } });
  await run('job.export', { filter: [{ a: [{ secret: plant('nested in lists') }] }] });
  await run('users.invite', { name: 'x', password: plant('unknown action') });
  await run('queue.pause', { queue: `Bearer ${plant('token in a value')}` });
  await run('queue.pause', { queue: JSON.stringify({ password: plant('JSON in a value') }) });
  await run('queue.resume', { queue: `x --password ${plant('argument in a value')}` });
  await run('queue.resume', { queue: 'all' }, undefined, {
    'user-agent': `x/1 (token=${plant('user agent')})`,
  });
  await run('queue.resume', { queue: 'all' }, { reason: `because password: ${plant('reason')}` });
  const job = await waitingJob(installation.database, user.id);
  await run(
    'job.cancel',
    { job_id: job },
    { reason: `see https://x.test/?token=${plant('reason of a handler')}` },
  );
  await run(
    'queue.clear',
    { queue: 'inspector' },
    { dry_run: true, reason: `pwd=${plant('reason of a preview')}` },
  );
  await run(
    'queue.clear',
    { queue: 'inspector' },
    { reason: `postgres://app:${plant('reason of an operation')}@db/agentos` },
  );
  const confirmed = {
    confirm: 'system.maintenance_mode_toggle',
    reason: `api_key=${plant('reason of a setting')}`,
  };
  await run('system.maintenance_mode_toggle', { enabled: false }, confirmed);
  await admin.call('POST', '/api/admin/action', {
    json: { action: 'queue.pause', payload: { queue: 'inspector' }, secret: plant('body') },
  });
  for (const api of installation.apis) await api.get(AuditLog, { strict: false }).beforeApplicationShutdown();

  expect(new Set(answers)).toEqual(new Set([200, 202, 400, 404]));
  const stores = {
    ...(await tables(installation.database)),
    ...(await redisKeys(installation.redis.client, installation.redis.prefix)),
  };
  expect(Object.keys(stores)).toEqual(expect.arrayContaining(['audit_entries', 'executions', 'sessions']));
  expect(stores['audit_entries']).toContain('queue.pause');
  const leaks = [...planted].flatMap(([place, canary]) =>
    Object.entries(stores)
      .filter(([, text]) => text.includes(canary))
      .map(([store]) => `${place} in ${store}`),
  );
  expect(leaks).toEqual([]);
});
