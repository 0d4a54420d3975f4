import { RuntimeSettings } from '../../src/platform/settings/runtime-settings';
import type { Answer, HttpClient } from '../support/http-client';
import { eventually } from '../support/eventually';
import { startInstallation, type TestInstallation } from '../support/installation';
import { auditOf, newKey } from '../support/pipeline';
import { TEST_SETTINGS } from '../support/users';
import { WsClient } from '../support/ws-client';

interface Saved {
  version: number;
  changes: { path: string; old: unknown; new: unknown }[];
  needs_restart: string[];
}

let installation: TestInstallation;
let admin: HttpClient;
let adminId: string;

beforeAll(async () => {
  // What lowers the limits must not run into them itself.
  const actions = { 'config.save': { limit: 100_000 } };
  const rate_limits = { ...TEST_SETTINGS.rate_limits, actions };
  installation = await startInstallation({ settings: { ...TEST_SETTINGS, rate_limits } });
  const { user, client } = await installation.user('admin');
  [admin, adminId] = [client, user.id];
});
afterAll(() => installation?.close());

const version = async (): Promise<number> => {
  const [row] = await installation.database.query<{ version: number }>(
    'SELECT max(version) AS version FROM settings_versions',
  );
  return row?.version ?? 0;
};
const save = async (settings: object, extra: object = {}, client = admin): Promise<Answer<Saved>> =>
  client.action<Saved>(
    'config.save',
    { settings, expected_version: await version(), ...extra },
    { headers: newKey() },
  );
/** Waits as long as a change may take to reach every process. */
const within = (check: () => void | Promise<void>) => eventually(check, { timeoutMs: 5_000, intervalMs: 20 });
const settingsOf = (api: number) => installation.get(RuntimeSettings, api).current();

describe('config.save', () => {
  it('makes a version with author, comment and changes, in force in every process within a second', async () => {
    const before = await version();
    const answer = await save({ uploads: { max_open_per_user: 7 } }, { comment: 'fewer' });
    expect(answer.data).toEqual({
      version: before + 1,
      changes: [{ path: 'uploads.max_open_per_user', old: 20, new: 7 }],
      needs_restart: [],
    });
    await within(() => {
      for (const api of [0, 1]) expect(settingsOf(api).uploads.max_open_per_user).toBe(7);
    });
    // What was not named has stayed.
    expect(settingsOf(1).uploads.chunk_bytes).toBe(262_144);
    expect(
      await installation.database.query(
        'SELECT author_id, comment, changes FROM settings_versions WHERE version = $1',
        [before + 1],
      ),
    ).toEqual([{ author_id: adminId, comment: 'fewer', changes: answer.data.changes }]);
  });

  it('puts a default back with null, and a record entry away', async () => {
    await save({
      rate_limits: { actions: { 'job.cancel': { limit: 5 } } },
      uploads: { max_open_per_user: 9 },
    });
    const answer = await save({
      uploads: { max_open_per_user: null },
      rate_limits: { actions: { 'job.cancel': null } },
    });
    expect(answer.data.changes).toContainEqual({ path: 'uploads.max_open_per_user', old: 9, new: 20 });
    expect(answer.data.changes).toContainEqual({
      path: 'rate_limits.actions["job.cancel"].limit',
      old: 5,
      new: null,
    });
  });

  it('lets one of many win who have all read the same version', async () => {
    const expected_version = await version();
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        installation
          .at(admin, i % 2)
          .action(
            'config.save',
            { settings: { uploads: { max_open_per_user: 30 + i } }, expected_version },
            { headers: newKey() },
          ),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(9).fill(409)]);
    expect(answers.find(({ status }) => status === 409)?.body).toMatchObject({
      error_code: 'CONFIG_VERSION_CONFLICT',
      error: `The newest version of the settings is ${expected_version + 1}.`,
    });
    expect(await version()).toBe(expected_version + 1);
  });

  it.each<[string, object, string]>([
    ['a value out of range', { uploads: { chunk_bytes: 1 } }, 'payload.settings.uploads.chunk_bytes'],
    ['a section that does not exist', { nonsense: {} }, 'payload.settings.nonsense'],
    ['a field that does not exist', { uploads: { nonsense: 1 } }, 'payload.settings.uploads.nonsense'],
    ['a dotted path', { 'uploads.chunk_bytes': 300_000 }, 'payload.settings.uploads.chunk_bytes'],
    ['a path to a prototype', { 'a.__proto__.b': 1 }, 'payload.settings.a.__proto__.b'],
    [
      'an action that does not exist',
      { rate_limits: { actions: { 'job.cancle': { limit: 1 } } } },
      'payload.settings.rate_limits.actions',
    ],
    ['an agent that does not exist', { agents: { nobody: {} } }, 'payload.settings.agents.nobody'],
    [
      'an agent setting of another type',
      { agents: { 'clip-renderer': { nonsense: 1 } } },
      'payload.settings.agents.clip-renderer.nonsense',
    ],
    [
      'a grant of what is for admins only',
      { access: { role_grants: { operator: ['config.*'], readonly: ['config.update_user'] } } },
      'payload.settings.access.role_grants.readonly',
    ],
  ])('refuses %s, as a whole', async (_what, settings, path) => {
    const before = await version();
    const answer = await save({ jobs: { max_attempts: 2 }, ...settings });
    expect([answer.status, answer.body.error_code]).toEqual([400, 'VALIDATION_ERROR']);
    expect(answer.body.details?.map((detail) => detail.path)).toContain(path);
    expect(await version()).toBe(before);
  });

  it.each([
    '{"__proto__": {"isAdmin": true}}',
    '{"uploads": {"__proto__": {"isAdmin": true}}}',
    '{"constructor": {"prototype": {"isAdmin": true}}}',
    '{"agents": {"constructor": {"prototype": {"isAdmin": true}}}}',
  ])('reaches no prototype: %s', async (settings) => {
    const expected = await version();
    const body = `{"action": "config.save", "payload": {"settings": ${settings}, "expected_version": ${expected}}}`;
    const answer = await admin.call('POST', '/api/admin/action', {
      raw: body,
      headers: { 'content-type': 'application/json' },
    });
    expect(answer.status).toBe(400);
    expect(({} as Record<string, unknown>)['isAdmin']).toBeUndefined();
    expect(await version()).toBe(expected);
  });

  it('tells beforehand what would change, and changes nothing', async () => {
    const expected_version = await version();
    const payload = { settings: { jobs: { max_attempts: 4 } }, expected_version };
    const preview = await admin.action<{ effects: unknown[]; preview_token: string }>(
      'config.save',
      payload,
      {
        options: { dry_run: true },
      },
    );
    expect(preview.data.effects).toEqual([{ target: 'jobs.max_attempts', effect: 'becomes 4, is 3' }]);
    expect(await version()).toBe(expected_version);
    const act = await admin.action('config.save', payload, {
      options: { preview_token: preview.data.preview_token },
    });
    expect(act.status).toBe(200);
  });

  it('raises the alarm when it is about access, and not otherwise', async () => {
    const watcher = await WsClient.connect(installation.wsUrl(1), admin.token ?? '');
    await watcher.subscribe('alerts');
    await save({ uploads: { max_open_per_user: 11 } });
    const { body } = await save({ auth: { lockout_failures: 6 } });
    await eventually(() => expect(watcher.events('alerts')).toHaveLength(1));
    expect(watcher.events('alerts')[0]?.data).toMatchObject({
      kind: 'access_settings_changed',
      severity: 'info',
      user_id: adminId,
      trace_id: body.trace_id,
    });
    expect(await auditOf(installation.database, body.trace_id, 3)).toContainEqual(
      expect.objectContaining({ phase: 'security', outcome: 'succeeded' }),
    );
    await watcher.close();
  });
});

describe('grants and denials of settings', () => {
  afterEach(() => save({ access: null }));

  const resume = (client: HttpClient, api: number) =>
    installation
      .at(client, api)
      .action('queue.resume', { queue: 'inspector' }, { options: { explain: true } });
  const ruleOf = ({ body }: Answer) =>
    (body as unknown as { explain: { stage: string; rule?: string }[] }).explain.find(
      ({ stage }) => stage === 'authorise',
    )?.rule;

  it('hold in every process within a second, and end as fast', async () => {
    const { client } = await installation.user('supervisor');
    const status = async (wanted: number) => {
      for (const api of [0, 1]) expect((await resume(client, api)).status).toBe(wanted);
    };
    await status(403);
    await save({ access: { role_grants: { supervisor: ['queue.*'] } } });
    await within(() => status(200));
    expect(ruleOf(await resume(client, 1))).toBe('settings grant queue.* to supervisor');
    const { pipeline } = (
      await client.get<{ pipeline: { permissions: string[] } }>('/api/admin/action/status')
    ).data;
    expect(pipeline.permissions).toEqual(
      expect.arrayContaining(['queue.clear', 'queue.pause', 'queue.resume']),
    );
    await save({ access: { role_denials: { supervisor: ['queue.resume'] } } });
    await within(() => status(403));
    const refused = await resume(client, 0);
    expect(ruleOf(refused)).toBe('settings deny queue.resume to supervisor');
    expect(await auditOf(installation.database, refused.body.trace_id, 1)).toMatchObject([
      { phase: 'denial', action: 'queue.resume', error_code: 'FORBIDDEN' },
    ]);
  });

  it('keep users from what is theirs, if they say so', async () => {
    const { client } = await installation.user('user');
    const cancel = () => client.post('/api/jobs/01890a5d-ac96-774b-bcce-b302099a8057/cancel');
    expect((await cancel()).body.error_code).toBe('JOB_NOT_FOUND');
    await save({ access: { role_denials: { user: ['job.*'] } } });
    await within(async () => expect((await cancel()).body.error_code).toBe('FORBIDDEN'));
  });

  it('leave admins what they have', async () => {
    const everybody = { operator: ['*'], supervisor: ['*'], readonly: ['*'], user: ['*'] };
    await save({ access: { role_denials: everybody } });
    await within(async () => {
      const { client } = await installation.user('operator');
      expect((await resume(client, 0)).status).toBe(403);
    });
    expect((await resume(admin, 1)).status).toBe(200);
    const admins = await save({ access: { role_denials: { admin: ['*'] } } });
    expect(admins.body.details?.map(({ path }) => path)).toEqual([
      'payload.settings.access.role_denials.admin',
    ]);
  });
});

describe('limits of settings', () => {
  const resume = async (client: HttpClient, api = 0) =>
    installation.at(client, api).action('queue.resume', { queue: 'inspector' });
  const own = (answer: Answer) =>
    /"queue.resume";r=(\d+);t=(\d+)/
      .exec(answer.headers.get('ratelimit') ?? '')
      ?.slice(1)
      .map(Number);

  it.each([
    // With three in 60 s: the bucket has another one after 20 s, the others when the first one has left.
    ['sliding', 60],
    ['bucket', 20],
    ['fixed', 60],
  ])('count as %s where that is chosen, over both processes', async (kind, waitS) => {
    await save({ rate_limits: { risk_standard_per_minute: 3, kinds: { risk_standard: kind } } });
    await within(() => {
      for (const api of [0, 1]) expect(settingsOf(api).rate_limits.kinds.risk_standard).toBe(kind);
    });
    const { client } = await installation.user('operator');
    for (const left of [2, 1, 0]) expect(own(await resume(client, left % 2))?.[0]).toBe(left);
    const refused = await resume(client);
    expect(refused.status).toBe(429);
    const retryAfter = Number(refused.headers.get('retry-after'));
    expect(retryAfter).toBeLessThanOrEqual(waitS);
    expect(retryAfter).toBeGreaterThan(waitS - 15);
    const { pipeline } = (await client.get<{ pipeline: { limits: object[] } }>('/api/admin/action/status'))
      .data;
    expect(pipeline.limits).toContainEqual(
      expect.objectContaining({ policy: 'queue.resume', kind, limit: 3, window_s: 60, remaining: 0 }),
    );
    await save({ rate_limits: { risk_standard_per_minute: 100_000, kinds: null } });
  });

  /** Makes what is counted of a user's action so much older, as if that time had passed. */
  async function letPass(seconds: number, userId: string): Promise<void> {
    const { client, prefix } = installation.redis;
    const [key = '', ...others] = await client.keys(`${prefix}:limit:*:${userId}:queue.resume`);
    expect([key !== '', others]).toEqual([true, []]);
    const earlier = (at: string) => String(Number(at) - seconds * 1_000_000);
    if ((await client.type(key)) === 'list')
      for (const [n, at] of (await client.lrange(key, 0, -1)).entries())
        await client.lset(key, n, earlier(at));
    else await client.hset(key, 'until', earlier((await client.hget(key, 'until')) ?? ''));
  }

  it.each([
    ['fixed', [200, 200, 429]],
    ['sliding', [200, 429, 429]],
  ])('of one action count as %s in a window of its own', async (kind, expected) => {
    await save({ rate_limits: { actions: { 'queue.resume': { limit: 2, window_s: 100, kind } } } });
    await within(() => {
      for (const api of [0, 1]) expect(settingsOf(api).rate_limits.actions['queue.resume']?.kind).toBe(kind);
    });
    const { user, client } = await installation.user('operator');
    expect((await resume(client)).status).toBe(200);
    await letPass(60, user.id);
    expect((await resume(client, 1)).status).toBe(200);
    const refused = await resume(client);
    expect(refused.body.error).toContain('"queue.resume" (2 in 100 s)');
    const retryAfter = Number(refused.headers.get('retry-after'));
    expect(retryAfter).toBeLessThanOrEqual(40);
    expect(retryAfter).toBeGreaterThan(10);
    await letPass(retryAfter, user.id);
    const answers = await Promise.all([resume(client), resume(client, 1), resume(client)]);
    expect(answers.map(({ status }) => status).sort()).toEqual(expected);
    // Others are not concerned.
    expect(
      (await client.action('queue.pause', { queue: 'inspector' })).headers.get('ratelimit-policy'),
    ).toContain('"queue.pause";q=100000;w=60');
    await save({ rate_limits: { actions: { 'queue.resume': null } } });
  });

  it('leave no key without an end', async () => {
    const keys = await installation.redis.client.keys(`${installation.redis.prefix}:limit:*`);
    expect(keys.length).toBeGreaterThan(10);
    for (const key of keys) expect(await installation.redis.client.pttl(key)).not.toBe(-1);
  });
});
