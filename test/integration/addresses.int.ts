import { request, type RequestOptions } from 'node:http';
import { v7 as uuidv7 } from 'uuid';
import { LiveFeed } from '../../src/platform/feed/live-feed';
import { DownloadLinks } from '../../src/platform/storage/download-links';
import { eventually } from '../support/eventually';
import type { HttpClient } from '../support/http-client';
import { startInstallation, type TestInstallation } from '../support/installation';
import { failedJob, newKey, readableAuditOf } from '../support/pipeline';
import { makeUser, TEST_SETTINGS, type Tokens } from '../support/users';
import { WsClient } from '../support/ws-client';

const STATUS = '/api/admin/action/status';
const ALLOWED = { ADMIN_IP_ALLOWLIST: '10.0.0.0/8,2001:db8:a::/48' };

/** Sends headers as they are, doubled ones too, which fetch does not. @returns status and error code */
function raw(
  client: HttpClient,
  headers: [string, string][],
  method = 'GET',
  path = STATUS,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const url = new URL(path, client.baseUrl);
    // Node 20 knows the option; its types do not yet.
    const options: RequestOptions & { setDefaultHeaders: boolean } = { method, setDefaultHeaders: false };
    const sent = request(url, options);
    sent.setHeader('host', url.host);
    sent.setHeader('authorization', `Bearer ${client.token}`);
    for (const [name, value] of headers) sent.appendHeader(name, value);
    sent.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('an address that is claimed by a direct connection', () => {
  let installation: TestInstallation;
  let admin: HttpClient;

  beforeAll(async () => {
    installation = await startInstallation({ apis: 1, variables: ALLOWED });
    admin = (await installation.user('admin')).client;
  });
  afterAll(() => installation?.close());

  it.each<[string, [string, string][]]>([
    ['X-Forwarded-For', [['X-Forwarded-For', '10.0.0.1']]],
    [
      'X-Forwarded-For twice',
      [
        ['X-Forwarded-For', '10.0.0.1'],
        ['X-Forwarded-For', '10.0.0.1'],
      ],
    ],
    ['Forwarded', [['Forwarded', 'for=10.0.0.1;by=10.0.0.1']]],
    ['X-Real-IP', [['X-Real-IP', '10.0.0.1']]],
    ['True-Client-IP', [['True-Client-IP', '10.0.0.1']]],
    ['CF-Connecting-IP', [['CF-Connecting-IP', '10.0.0.1']]],
    ['X-Client-IP', [['X-Client-IP', '10.0.0.1']]],
    ['X-Originating-IP', [['X-Originating-IP', '10.0.0.1']]],
    ['Host', [['X-Forwarded-Host', '10.0.0.1']]],
    ['nothing', []],
  ])('counts for nothing: %s', async (_what, headers) => {
    expect(await raw(admin, headers)).toBe(403);
  });

  it('is not what the audit has', async () => {
    // Somebody else: more refusals of one person would share an entry.
    const { client } = await installation.user('admin');
    const answer = await client.get(STATUS, { 'x-forwarded-for': '10.0.0.1' });
    expect([answer.status, answer.body.error_code]).toEqual([403, 'IP_NOT_ALLOWED']);
    expect(await readableAuditOf(installation, answer.body.trace_id, 1)).toMatchObject([
      { phase: 'security', error_code: 'ip_denied', ip: '127.0.0.1' },
    ]);
  });

  it('raises one alarm however often it tries, and fills neither feed nor audit', async () => {
    const { user, client } = await installation.user('admin');
    const feed = installation.get(LiveFeed);
    const { offset } = await feed.position('alerts');
    const answers = await Promise.all(Array.from({ length: 200 }, () => client.get(STATUS)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([403]));
    const { events } = await feed.read('alerts', offset, 1_000);
    const alarms = events.map(({ json }) => JSON.parse(json) as { kind: string; user_id: string });
    expect(alarms.filter(({ user_id }) => user_id === user.id)).toMatchObject([{ kind: 'ip_denied' }]);
    const entries = await eventually(async () => {
      const rows = await installation.database.query('SELECT FROM audit_entries WHERE actor_id = $1', [
        user.id,
      ]);
      expect(rows.length).toBeGreaterThan(1);
      return rows;
    });
    expect(entries.length).toBeLessThan(10);
  });
});

describe('an address behind a trusted proxy', () => {
  let installation: TestInstallation;
  let admin: HttpClient;

  beforeAll(async () => {
    installation = await startInstallation({
      variables: { ...ALLOWED, TRUSTED_PROXIES: '127.0.0.1' },
      settings: { ...TEST_SETTINGS, rate_limits: { ...TEST_SETTINGS.rate_limits, public_per_minute: 3 } },
    });
    admin = (await installation.user('admin')).client;
  });
  afterAll(() => installation?.close());

  const forwarded = (...values: string[]): [string, string][] =>
    values.map((value) => ['X-Forwarded-For', value]);

  it.each<[number, [string, string][]]>([
    [200, forwarded('10.0.0.1')],
    [200, forwarded('::ffff:10.0.0.1')],
    [200, forwarded('::ffff:a00:1')],
    [200, forwarded('2001:db8:a::1')],
    [200, forwarded('2001:0DB8:000a:0:0:0:0:1')],
    [200, forwarded('203.0.113.9, 10.0.0.1')],
    [200, forwarded('203.0.113.9', '10.0.0.1')],
    [200, forwarded(' 10.0.0.1 , 127.0.0.1')],
    [403, forwarded('203.0.113.9')],
    [403, forwarded('2001:db8:b::1')],
    // What the client itself sent stands in front of what the proxy knows.
    [403, forwarded('10.0.0.1, 203.0.113.9')],
    [403, forwarded('10.0.0.1', '203.0.113.9')],
    [403, forwarded('10.0.0.1, 203.0.113.9, 127.0.0.1')],
    // What different parsers take for different hosts is no address at all.
    [403, forwarded('010.0.0.1')],
    [403, forwarded('012.0.0.1')],
    [403, forwarded('0x0a.0.0.1')],
    [403, forwarded('0x0a.1')],
    [403, forwarded('10.1')],
    [403, forwarded('167772161')],
    [403, forwarded('::10.0.0.1')],
    [403, forwarded('10.0.0.1:4711')],
    [403, forwarded('[2001:db8:a::1]')],
    [403, forwarded('10.0.0.1%eth0')],
    [403, forwarded('2001:db8:a::1%eth0')],
    [403, forwarded('10.0.0.1/8')],
    [403, forwarded('unknown')],
    [403, forwarded('')],
    [403, forwarded('10.0.0.1,')],
    [403, [['Forwarded', 'for=10.0.0.1']]],
    [403, [['X-Real-IP', '10.0.0.1']]],
    [403, [...forwarded('203.0.113.9'), ['X-Real-IP', '10.0.0.1'], ['Forwarded', 'for=10.0.0.1']]],
    [403, []],
  ])('answers %i for %j', async (status, headers) => {
    expect(await raw(admin, headers)).toBe(status);
  });

  it.each([
    ['POST', '/api/agents/inspector/start'],
    ['POST', '/api/agents/inspector/stop'],
    ['POST', '/api/agents/restart'],
    ['POST', '/api/agents/config'],
    ['POST', '/api/agents/clear-queue'],
    ['GET', '/metrics'],
  ])(
    'is asked for at what is of the admin side, though its path does not say so: %s %s',
    async (method, path) => {
      const from = async (address: string) => {
        const json = method === 'POST' ? { nonsense: true } : undefined;
        const { status, body } = await admin.call(method, path, {
          json,
          headers: { 'x-forwarded-for': address },
        });
        return status === 403 ? body.error_code : undefined;
      };
      expect(await from('203.0.113.9')).toBe('IP_NOT_ALLOWED');
      expect(await from('10.0.0.1')).toBeUndefined();
    },
  );

  it('is asked for at the gateway: from elsewhere there is nothing but what is theirs', async () => {
    const { user, client } = await installation.user('admin');
    const [own, other] = [
      await failedJob(installation.database, user.id),
      await failedJob(installation.database, (await makeUser(installation.database)).id),
    ];
    const answersTo = async (address: string) => {
      const headers = { 'x-forwarded-for': `10.0.0.1, ${address}` };
      const socket = await WsClient.connect(installation.wsUrl(), client.token ?? '', { headers });
      const answers: unknown[] = [];
      for (const topic of ['queues', `job:${other}`, `job:${own}`]) {
        socket.send({ type: 'subscribe', topic });
        const { type, code } = await socket.waitFor((frame) => frame.topic === topic);
        answers.push(code ?? type);
      }
      await socket.close();
      return answers;
    };
    expect(await answersTo('203.0.113.9')).toEqual(['IP_NOT_ALLOWED', 'JOB_NOT_FOUND', 'subscribed']);
    expect(await answersTo('10.9.9.9')).toEqual(['subscribed', 'subscribed', 'subscribed']);
  });

  it('has one limit, whatever the client puts in front, and one for a /64 of IPv6', async () => {
    const tries = async (addressOf: (n: number) => string) => {
      const answers: number[] = [];
      for (let n = 1; n <= 5; n++)
        answers.push(await raw(admin, forwarded(addressOf(n)), 'POST', '/api/auth/refresh'));
      return answers.filter((status) => status === 429).length;
    };
    expect(await tries((n) => `198.51.100.${n}, 203.0.113.77`)).toBe(2);
    expect(await tries((n) => `2001:db8:1:2::${n}`)).toBe(2);
    expect(await tries((n) => `2001:db8:2:${n}::1`)).toBe(0);
  });

  it('plays streams beside that limit: a playlist and its segments leave room to sign in and to refresh', async () => {
    const { email, password } = await makeUser(installation.database);
    const from = { 'x-forwarded-for': '203.0.113.80' };
    const login = await admin.post<Tokens>('/api/auth/login', { email, password }, from);
    const playlist = new URL(installation.get(DownloadLinks).toSet(uuidv7(), 'playlist.m3u8')).pathname;
    const segments = Array.from({ length: 10 }, (_, n) => playlist.replace('playlist.m3u8', `clip-${n}.m4s`));
    // Links that are good, of files that are gone: whoever gets this far was let in.
    for (const path of [playlist, ...segments]) {
      const answer = await admin.get(path, from);
      expect([answer.status, answer.body.error_code]).toEqual([404, 'NOT_FOUND']);
    }
    const { refresh_token } = login.data;
    expect((await admin.post('/api/auth/refresh', { refresh_token }, from)).status).toBe(200);
  });

  describe('and the networks of single actions', () => {
    const from = (address: string, action: string, payload: object, options = {}) =>
      admin.action(action, payload, {
        options: { explain: true, ...options },
        headers: { ...newKey(), 'x-forwarded-for': address },
      });
    const QUEUE = { queue: 'inspector' };

    beforeAll(async () => {
      const action_networks = { 'queue.*': ['10.1.0.0/16'], 'queue.clear': ['10.1.2.0/24'] };
      const saved = await from('10.1.2.3', 'config.save', {
        settings: { access: { action_networks } },
        expected_version: 1,
      });
      expect(saved.status).toBe(200);
    });

    it.each([
      ['queue.pause', '10.1.9.9', 200, 'in the networks of queue.*'],
      ['queue.pause', '10.2.0.1', 403, 'not in the networks of queue.*'],
      ['queue.clear', '10.1.9.9', 403, 'not in the networks of queue.clear'],
      ['queue.clear', '10.1.2.9', 200, 'in the networks of queue.*, queue.clear'],
      ['system.health_check', '10.2.0.1', 200, 'no networks of its own'],
    ])('%s from %s: %i, %s', async (action, address, status, rule) => {
      const payload = action.startsWith('queue.') ? QUEUE : {};
      const answer = await from(address, action, payload, action === 'queue.clear' ? { dry_run: true } : {});
      expect(answer.status).toBe(status);
      const { explain } = answer.body as unknown as {
        explain: { stage: string; verdict: string; rule: string }[];
      };
      expect(explain.map(({ stage }) => stage).slice(0, 4)).toEqual(
        ['audit', 'validate', 'address', 'authorise'].slice(0, status === 403 ? 3 : 4),
      );
      expect(explain[2]).toMatchObject({ verdict: status === 403 ? 'denied' : 'allowed', rule });
      if (status !== 403) return;
      expect(answer.body.error_code).toBe('IP_NOT_ALLOWED');
      expect(await readableAuditOf(installation, answer.body.trace_id, 1)).toMatchObject([
        { phase: 'denial', outcome: 'denied', action, error_code: 'IP_NOT_ALLOWED', ip: address },
      ]);
    });

    it('are within those of the admin side: an entry does not open it to others', async () => {
      const action_networks = { 'queue.*': ['203.0.113.0/24'] };
      const version = await newest();
      await from('10.1.2.3', 'config.save', {
        settings: { access: { action_networks } },
        expected_version: version,
      });
      expect((await from('203.0.113.9', 'queue.pause', QUEUE)).status).toBe(403);
      expect((await from('10.1.2.3', 'queue.pause', QUEUE)).status).toBe(403);
    });

    it('do not keep users from what is theirs', async () => {
      const action_networks = { 'job.*': ['10.9.9.9'] };
      await from('10.1.2.3', 'config.save', {
        settings: { access: { action_networks } },
        expected_version: await newest(),
      });
      const { client } = await installation.user('user');
      const answer = await client.post(
        '/api/jobs/01890a5d-ac96-774b-bcce-b302099a8057/cancel',
        {},
        { 'x-forwarded-for': '203.0.113.9' },
      );
      expect(answer.body.error_code).toBe('JOB_NOT_FOUND');
    });

    it.each([
      ['that are broken', { 'queue.*': ['10.0.0.0/33'] }],
      ['that are wider than they say', { 'queue.*': ['10.0.0.0/0'] }],
      ['of no addresses', { 'queue.*': [] }],
      ['of no action', { 'queues.*': ['10.0.0.0/8'] }],
      ['that would shut out whoever saves them', { 'config.*': ['192.0.2.0/24'] }],
    ])('cannot be saved with networks %s', async (_what, action_networks) => {
      const version = await newest();
      const answer = await from('10.1.2.3', 'config.save', {
        settings: { access: { action_networks } },
        expected_version: version,
      });
      expect([answer.status, answer.body.error_code]).toEqual([400, 'VALIDATION_ERROR']);
      expect(answer.body.details?.map(({ path }) => path)).toEqual([
        'payload.settings.access.action_networks',
      ]);
      expect(await newest()).toBe(version);
    });

    async function newest(): Promise<number> {
      const [row] = await installation.database.query<{ version: number }>(
        'SELECT max(version) AS version FROM settings_versions',
      );
      return row?.version ?? 0;
    }
  });
});
