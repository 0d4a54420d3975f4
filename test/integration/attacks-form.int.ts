import { RawClient, type RawAnswer } from '../fuzz/http';
import { GOOD_JSON, NO_JSON, NO_OBJECTS } from '../fuzz/json-vectors';
import { leakIn } from '../fuzz/leaks';
import type { HttpClient } from '../support/http-client';
import { startInstallation, type TestInstallation } from '../support/installation';
import { auditOf } from '../support/pipeline';

/** Attacks on the HTTP API by the form of requests: bodies, types, headers and paths that are read in two ways. */

const ALLOWED_ORIGIN = 'https://console.example.test';
const NO_JOB = '0190a5d0-0000-7000-8000-000000000000';

let installation: TestInstallation;
let client: RawClient;
let admin: HttpClient;
let mallory: HttpClient;

beforeAll(async () => {
  installation = await startInstallation({ apis: 1, variables: { CORS_ORIGINS: ALLOWED_ORIGIN } });
  admin = (await installation.user('admin')).client;
  mallory = (await installation.user('user')).client;
  client = new RawClient(admin.baseUrl);
});
afterAll(async () => {
  client?.close();
  await installation?.close();
});

function postText(
  path: string,
  body: string | Buffer,
  headers: Record<string, string> = {},
): Promise<RawAnswer> {
  return client.send({
    method: 'POST',
    path,
    body,
    headers: { authorization: `Bearer ${admin.token}`, 'content-type': 'application/json', ...headers },
  });
}

const executions = async (): Promise<number> =>
  (await installation.database.query<{ n: number }>('SELECT count(*) AS n FROM executions'))[0]?.n ?? 0;

const PAUSE = JSON.stringify({ action: 'queue.pause', payload: { queue: 'inspector' } });

describe('JSON', () => {
  it.each(['/api/admin/action', '/api/auth/login'])(
    'that not everybody reads alike is refused by %s',
    async (path) => {
      for (const text of NO_JSON) {
        const answer = await postText(path, text);
        const error = JSON.parse(answer.text) as { error_code: string; details?: unknown };
        expect([text, answer.status, error.error_code, error.details]).toEqual([
          text,
          400,
          'VALIDATION_ERROR',
          undefined,
        ]);
      }
      expect(({} as Record<string, unknown>)['is_admin']).toBeUndefined();
    },
  );

  it('that is well formed is read, and then judged by its fields', async () => {
    for (const text of GOOD_JSON) {
      const { status, text: answer } = await postText('/api/admin/action', text);
      expect([text, status]).toEqual([text, 400]);
      expect(JSON.parse(answer)).toMatchObject({ details: expect.any(Array) });
    }
  });

  it('whose top is no object is refused, and an empty body is one without fields', async () => {
    for (const text of [...NO_OBJECTS, '']) {
      for (const path of ['/api/admin/action', '/api/auth/login', `/api/jobs/${NO_JOB}/cancel`]) {
        const { status } = await postText(path, text);
        expect([text, path, status]).toEqual([
          text,
          path,
          text === '' && path.endsWith('cancel') ? 404 : 400,
        ]);
      }
    }
  });

  it.each([
    ['nested 100,000 deep', '['.repeat(100_000)],
    ['nested 20,000 deep and closed', `{"action":${'['.repeat(20_000)}${']'.repeat(20_000)}}`],
    ['objects nested 30,000 deep', '{"a":'.repeat(30_000)],
    ['with 100,000 members', `{${Array.from({ length: 20_000 }, (_, i) => `"${i}":0`).join(',')}}`],
    ['with one key of 200 KB', `{"${'k'.repeat(200_000)}":1}`],
    ['of 250 KB of spaces', ' '.repeat(250_000)],
    ['with a number of 200,000 digits', `{"a":${'9'.repeat(200_000)}}`],
    ['not in UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
    [
      'right but for a byte that is no UTF-8',
      Buffer.from(PAUSE.replace('}}', '},"options":{"reason":"caf\u00e9"}}'), 'latin1'),
    ],
    ['in UTF-16', Buffer.from('\ufeff{}', 'utf16le')],
  ])('%s is refused and does no harm', async (_name, body) => {
    const { status, text } = await postText('/api/admin/action', body);
    expect(status).toBe(400);
    expect(text.length).toBeLessThan(50_000);
    expect((await client.send({ method: 'GET', path: '/health' })).status).toBe(200);
  });
});

describe('bodies of other types', () => {
  it.each([
    ['plain text', { 'content-type': 'text/plain' }],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['a multipart form', { 'content-type': 'multipart/form-data; boundary=x' }],
    ['XML', { 'content-type': 'application/xml' }],
    ['a relative of JSON', { 'content-type': 'application/vnd.api+json' }],
    ['two types', { 'content-type': 'application/json, text/plain' }],
    ['nonsense', { 'content-type': ';;;' }],
    ['UTF-16', { 'content-type': 'application/json; charset=utf-16' }],
    ['Latin 1', { 'content-type': 'application/json; charset="iso-8859-1"' }],
    ['two charsets', { 'content-type': 'application/json; charset=utf-8; charset=utf-7' }],
    ['gzip', { 'content-encoding': 'gzip' }],
    ['Brotli', { 'content-encoding': 'br' }],
    ['gzip twice', { 'content-encoding': 'gzip, gzip' }],
    ['an unknown coding', { 'content-encoding': 'nonsense' }],
  ])('%s is not read, and takes no effect', async (_name, headers) => {
    const before = await executions();
    const { status } = await postText('/api/admin/action', PAUSE, headers);
    expect(status).toBe(415);
    expect(await executions()).toBe(before);
  });

  it.each(['application/json', 'Application/JSON ; Charset=UTF-8', 'application/json;charset="utf-8"'])(
    '%s is',
    async (type) => {
      expect((await postText('/api/admin/action', PAUSE, { 'content-type': type })).status).toBe(200);
    },
  );
});

describe('what goes around the body', () => {
  it('does not change what is run', async () => {
    const overrides = {
      'x-http-method-override': 'DELETE',
      'x-http-method': 'PUT',
      'x-method-override': 'GET',
      'x-original-url': '/health',
      'x-rewrite-url': '/health',
    };
    const { status, text } = await postText(
      '/api/admin/action?action=queue.clear&_method=DELETE',
      PAUSE,
      overrides,
    );
    expect(status).toBe(200);
    const entries = await auditOf(
      installation.database,
      (JSON.parse(text) as { trace_id: string }).trace_id,
      2,
    );
    expect(new Set(entries.map((entry) => entry.action))).toEqual(new Set(['queue.pause']));
  });

  it.each(['__proto__', 'constructor', 'hasOwnProperty', 'toString'])(
    'is refused where a parameter is called %s, as every object has one',
    async (name) => {
      const { status, text } = await client.send({
        method: 'GET',
        path: `/api/jobs/history?page=1&${name}=x`,
        headers: { authorization: `Bearer ${mallory.token}` },
      });
      expect([status, (JSON.parse(text) as { error_code: string }).error_code]).toEqual([
        400,
        'VALIDATION_ERROR',
      ]);
    },
  );

  it.each([
    '//api/admin/ssot',
    '/api//admin/ssot',
    '/api/admin/ssot/',
    '/API/ADMIN/SSOT',
    '/api/admin/%73sot',
    '/api/./admin/ssot',
    '/api/x/../admin/ssot',
    '/api/%2e%2e/api/admin/ssot',
    '/api/admin/ssot%2f',
    '/api/admin%2fssot',
    '/api/admin/ssot;x',
    '/api/admin/ssot%00',
    '/api\\admin\\ssot',
    '/api/admin/ssot/.',
    '/api/admin/ssot%20',
    '/api/admin/ssot?x=1',
    '/api/admin/ssot#x',
    '/health/../api/admin/ssot',
    '/./api/admin/ssot',
    '/api/admin/ssot.json',
  ])('%s is no way past the guards', async (path) => {
    // prettier-ignore
    const anybody = await client.send({ method: 'GET', path });
    const user = await client.send({
      method: 'GET',
      path,
      headers: { authorization: `Bearer ${mallory.token}` },
    });
    expect([400, 401, 404]).toContain(anybody.status);
    expect([400, 403, 404]).toContain(user.status);
    expect(leakIn(anybody.text + user.text)).toBeUndefined();
  });

  it.each([
    'https://evil.example',
    'null',
    `${ALLOWED_ORIGIN}.evil.example`,
    'https://evilconsole.example.test',
    'http://console.example.test',
    `${ALLOWED_ORIGIN}:8443`,
    `${ALLOWED_ORIGIN}/`,
    'https://CONSOLE.example.test.',
    '',
  ])('a page of the origin "%s" is let at nothing', async (origin) => {
    // prettier-ignore
    const request = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' };
    const answers = [
      await client.send({ method: 'OPTIONS', path: '/api/admin/action', headers: { origin, ...request } }),
      await client.send({ method: 'GET', path: '/health', headers: { origin } }),
      await postText('/api/admin/action', PAUSE, { origin, 'content-type': 'text/plain' }),
    ];
    for (const { headers } of answers) {
      expect(headers['access-control-allow-origin']).toBeUndefined();
      expect(headers['access-control-allow-credentials']).toBeUndefined();
      expect(headers['vary']).toContain('Origin');
    }
    expect(answers[2]?.status).toBe(415);
  });

  it('a page of an allowed origin is, without cookies', async () => {
    const { headers } = await client.send({
      method: 'GET',
      path: '/health',
      headers: { origin: ALLOWED_ORIGIN },
    });
    expect(headers['access-control-allow-origin']).toBe(ALLOWED_ORIGIN);
    expect(headers['access-control-allow-credentials']).toBeUndefined();
  });

  it('answers do not say what they are made with', async () => {
    for (const path of ['/', '/health', '/metrics', '/api/nothing', '/docs']) {
      const { headers } = await client.send({ method: 'GET', path });
      expect([headers['server'], headers['x-powered-by'], headers['via']]).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
      expect(headers['x-content-type-options']).toBe('nosniff');
    }
  });
});
