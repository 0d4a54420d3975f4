import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { belongingsOf, type Belongings } from '../fuzz/belongings';
import type { ApiDocument, Operation } from '../fuzz/document';
import { Faults, Fuzzer } from '../fuzz/fuzzer';
import { RawClient, type RawAnswer } from '../fuzz/http';
import { INJECTIONS, NAUGHTY } from '../fuzz/injections';
import { GOOD_JSON, NO_JSON, NO_OBJECTS } from '../fuzz/json-vectors';
import { leakIn } from '../fuzz/leaks';
import type { FuzzRequest } from '../fuzz/requests';
import { restoreSettings } from '../fuzz/restore';
import type { HttpClient } from '../support/http-client';
import { startInstallation, type TestInstallation } from '../support/installation';
import { makeUser, signIn, type TestUser } from '../support/users';
import { auditOf } from '../support/pipeline';

/** Attacks on the HTTP API: whatever is sent, no server error, no leak, and no effect that was not asked for. */

const ALLOWED_ORIGIN = 'https://console.example.test';
/** What must not change, whoever tries what: accounts, and what belongs to somebody else. */
const OWNED = ['jobs', 'uploads', 'clips', 'artifacts'];
const SEED = 20_261_125;

let installation: TestInstallation;
let client: RawClient;
let fuzzer: Fuzzer;
let admin: HttpClient;
let mallory: HttpClient;
let victim: { user: TestUser; client: HttpClient };
let belongings: Belongings;

beforeAll(async () => {
  installation = await startInstallation({ apis: 1, variables: { CORS_ORIGINS: ALLOWED_ORIGIN } });
  admin = (await installation.user('admin')).client;
  mallory = (await installation.user('user')).client;
  victim = await installation.user('user');
  belongings = await belongingsOf(installation, victim.user, victim.client);
  client = new RawClient(admin.baseUrl);
  const document = await admin.get('/docs/openapi.json');
  fuzzer = new Fuzzer(JSON.parse(document.bytes.toString()) as ApiDocument, admin.baseUrl, SEED);
}, 60_000);
afterAll(async () => {
  client?.close();
  fuzzer?.close();
  await installation?.close();
});

/** A digest of all accounts and of everything that the victim owns. */
async function state(): Promise<unknown> {
  const digest = async (sql: string, ...params: unknown[]) =>
    (
      await installation.database.query(
        `SELECT md5(coalesce(string_agg(t::text, ',' ORDER BY t::text), '')) AS digest FROM (${sql}) t`,
        params,
      )
    )[0];
  return {
    users: await digest('SELECT id, email, role, password_hash, enabled FROM users'),
    ...Object.fromEntries(
      await Promise.all(
        OWNED.map(async (table) => [
          table,
          await digest(`SELECT * FROM ${table} WHERE user_id = $1`, victim.user.id),
        ]),
      ),
    ),
  };
}

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
      for (const path of [
        '/api/admin/action',
        '/api/auth/login',
        `/api/jobs/${belongings['job_id']?.[0]}/cancel`,
      ]) {
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

describe('text', () => {
  it('that breaks careless software is taken and put on record', async () => {
    for (const reason of NAUGHTY) {
      const answer = await admin.action('queue.resume', { queue: 'inspector' }, { options: { reason } });
      expect([reason, answer.status]).toEqual([reason, 200]);
      const [intent] = await auditOf(installation.database, answer.body.trace_id, 2);
      expect(undisguised((intent as unknown as { reason: string }).reason)).toBe(undisguised(reason));
    }
  }, 30_000);

  it('that means something to SQL, Redis or a shell means nothing in any field', async () => {
    const marker = join(installation.redis.prefix, 'marker');
    const sentinel = `${installation.redis.prefix}:sentinel`;
    await installation.redis.client.set(sentinel, 'here');
    const before = await state();
    const faults = new Faults();
    for (const operation of fuzzer.operations) {
      const [valid] = fuzzer.valid(operation, 1) as [FuzzRequest];
      for (const request of injected(operation, valid, marker))
        faults.add(request, await fuzzer.send(request, { token: admin.token }));
      await restoreSettings(installation, operation);
    }
    faults.check(SEED);
    expect(await state()).toEqual(before);
    expect(await installation.redis.client.get(sentinel)).toBe('here');
    expect(existsSync(marker) || existsSync('MARKER')).toBe(false);
  }, 60_000);

  /** The request with each of the texts in each field and parameter that takes text, one at a time. */
  function* injected(operation: Operation, valid: FuzzRequest, marker: string): Generator<FuzzRequest> {
    const texts = INJECTIONS.map((text) => text.replace('MARKER', marker));
    for (const text of texts) {
      const broken = `with ${text}`;
      for (const { name, in: place } of operation.parameters) {
        if (place === 'path')
          yield { ...valid, path: { ...valid.path, [name]: encodeURIComponent(text) }, broken };
        if (place === 'query') yield { ...valid, query: [[name, encodeURIComponent(text)]], broken };
      }
      for (const field of textFields(valid.body))
        yield { ...valid, body: replaceText(valid.body, field, text), broken };
    }
  }

  it('that spells an e-mail address in another way is the same account, or none', async () => {
    const user = await makeUser(installation.database, 'user');
    const email = `k\u00e9vin-${user.id}@example.test`;
    await installation.database.query('UPDATE users SET email = $2 WHERE id = $1', [user.id, email]);
    const spellings = [
      email.toUpperCase(),
      email.normalize('NFD'),
      email.replace('k', '\u212a'),
      email.replace('i', '\uff49'),
      ` ${email} `,
    ];
    for (const spelling of spellings) {
      const answer = await installation
        .http()
        .post<{ user: { id: string } }>('/api/auth/login', { email: spelling, password: user.password });
      if (answer.status === 200) expect(answer.data.user.id).toBe(user.id);
      else expect([spelling, answer.status]).toEqual([spelling, 400]);
    }
    const guesses = await Promise.all(
      [...spellings.slice(0, 4), email, email, email].map((spelling) =>
        installation.http().post('/api/auth/login', { email: spelling, password: 'wrong' }),
      ),
    );
    expect(guesses.filter(({ status }) => status === 401).length).toBeLessThanOrEqual(5);
    const locked = await installation
      .http()
      .post('/api/auth/login', { email: email.toUpperCase(), password: user.password });
    expect(locked.body.error_code).toBe('ACCOUNT_LOCKED');
  }, 30_000);
});

describe('what belongs to somebody else', () => {
  it('cannot be told from what is not there, and stays as it is', async () => {
    const before = await state();
    const faults = new Faults();
    let tried = 0;
    for (const operation of fuzzer.operations.filter(({ needsToken }) => needsToken)) {
      for (const valid of fuzzer.valid(operation, 3)) {
        const theirs = swapped(valid, belongings);
        if (!theirs) break;
        tried++;
        const finding = await fuzzer.send(theirs, { token: mallory.token });
        const nothing = await fuzzer.send(swapped(valid, NOWHERE) as FuzzRequest, { token: mallory.token });
        const wrong = [
          ...([403, 404].includes(finding.answer.status) ? [] : [`answered with ${finding.answer.status}`]),
          ...(lasting(finding.answer) === lasting(nothing.answer)
            ? []
            : [`${lasting(finding.answer)} differs from ${lasting(nothing.answer)}`]),
        ];
        faults.add({ ...theirs, broken: "with somebody else's ids" }, finding, ...wrong);
      }
    }
    faults.check(SEED);
    expect(tried).toBeGreaterThan(20);
    expect(await state()).toEqual(before);
  }, 30_000);

  it('nor can one become more by fields that nobody asks for', async () => {
    const before = await state();
    const faults = new Faults();
    const extras = {
      role: 'admin',
      user_id: victim.user.id,
      status: 'completed',
      priority: 999,
      is_admin: true,
      id: victim.user.id,
      enabled: true,
    };
    for (const operation of fuzzer.operations.filter(({ body }) => body?.type === 'application/json')) {
      const [valid] = fuzzer.valid(operation, 1) as [FuzzRequest];
      for (const [name, value] of Object.entries(extras)) {
        if (operation.body?.schema.properties?.[name] !== undefined) continue;
        const request = {
          ...valid,
          body: { ...(valid.body as object), [name]: value },
          broken: `with ${name}`,
        };
        const finding = await fuzzer.send(request, { token: mallory.token });
        faults.add(
          request,
          finding,
          ...(finding.answer.status === 400 ? [] : [`answered with ${finding.answer.status}`]),
        );
      }
    }
    faults.check(SEED);
    expect(await state()).toEqual(before);
  }, 30_000);

  it('an account that exists cannot be told from one that does not', async () => {
    const ask = (email: string) => installation.http().post('/api/auth/login', { email, password: 'wrong' });
    const [there, nowhere] = [await ask(victim.user.email), await ask('nobody-at-all@example.test')];
    expect([there.status, there.body.error_code, there.body.error]).toEqual([
      nowhere.status,
      nowhere.body.error_code,
      nowhere.body.error,
    ]);
    expect([...there.headers.keys()].sort()).toEqual([...nowhere.headers.keys()].sort());
    const tokens = await signIn(installation.http(), victim.user);
    expect(tokens.user.id).toBe(victim.user.id);
  });
});

describe('names that somebody invents', () => {
  const NAMES = 10_000;
  it(`of ${NAMES} actions leave nothing behind in Redis and in the metrics`, async () => {
    const keys = async (): Promise<number> =>
      (await installation.redis.client.keys(`${installation.redis.prefix}*`)).length;
    const series = async (): Promise<number> =>
      (await client.send({ method: 'GET', path: '/metrics' })).text.split('\n').length;
    const ask = async (i: number): Promise<void> => {
      const { status } = await postText(
        '/api/admin/action',
        JSON.stringify({ action: `made.up_${i}`, payload: {} }),
      );
      expect(status).toBe(400);
    };
    await ask(0);
    const before = [await keys(), await series()] as const;
    const memory = process.memoryUsage().rss;
    for (let i = 0; i < NAMES; i += 50) await Promise.all(Array.from({ length: 50 }, (_, n) => ask(i + n)));
    expect((await keys()) - before[0]).toBeLessThan(20);
    expect((await series()) - before[1]).toBeLessThan(20);
    expect(process.memoryUsage().rss - memory).toBeLessThan(300 * 2 ** 20);
  }, 90_000);
});

/** Text without what the record replaces: look-alikes and invisible characters hide secrets, control characters harm. */
function undisguised(text: string): string {
  return text
    .normalize('NFKC')
    .replace(/[\u200b-\u200f\u2060\ufeff]/g, '')
    .replace(/[\p{Cc}\u2028\u2029\ufffd]/gu, '?');
}

/** Ids of nothing. */
const NOWHERE: Belongings = Object.fromEntries(
  ['user_id', 'upload_id', 'job_id', 'clip_id', 'execution_id'].map((name) => [
    name,
    ['0190a5d0-0000-7000-8000-000000000000'],
  ]),
);

/** The request with the ids of others in all places that take ids; undefined if it has none. */
function swapped(request: FuzzRequest, ids: Belongings): FuzzRequest | undefined {
  const idOf = (name: string): string | undefined => ids[name]?.[0];
  const path = Object.fromEntries(
    Object.entries(request.path).map(([name, value]) => [name, idOf(name) ?? value]),
  );
  const query = request.query.map(([name, value]) => [name, idOf(name) ?? value] as const);
  const places = [...Object.keys(path), ...query.map(([name]) => name), ...Object.keys(flat(request.body))];
  if (!places.some((name) => idOf(name) !== undefined)) return undefined;
  return { ...request, path, query, body: swapIds(request.body, idOf) };
}

function swapIds(value: unknown, idOf: (name: string) => string | undefined): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, idOf(name) ?? swapIds(inner, idOf)]),
  );
}

/** All members of an object, at any depth, by their names. */
function flat(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  return Object.assign({}, value, ...Object.values(value).map(flat)) as Record<string, unknown>;
}

/** The names of all members that are text, apart from the action's name. */
function textFields(body: unknown): string[] {
  return Object.entries(flat(body))
    .filter(([name, value]) => typeof value === 'string' && name !== 'action')
    .map(([name]) => name);
}

function replaceText(value: unknown, field: string, text: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      name === field && typeof inner === 'string' ? text : replaceText(inner, field, text),
    ]),
  );
}

/** What of an answer does not change from one request to the next. */
function lasting({ status, text }: RawAnswer): string {
  const { error_code, error, details } = JSON.parse(text) as Record<string, unknown>;
  return JSON.stringify([status, error_code, error, details]);
}
