import { v7 as uuidv7 } from 'uuid';
import { ERROR_CODES, type ErrorCode } from '../../src/platform/errors/error-codes';
import { leakIn } from '../fuzz/leaks';
import { RawClient, type RawAnswer, type RawRequest } from '../fuzz/http';
import { startInstallation, type TestInstallation } from '../support/installation';
import { newKey } from '../support/pipeline';
import { TEST_SETTINGS } from '../support/users';

const PROBLEM = { accept: 'application/problem+json' };
/** An address that the admin side is closed to, as a trusted proxy tells it. */
const STRANGER = { 'x-forwarded-for': '203.0.113.9' };
const JSON_TYPE = { 'content-type': 'application/json' };

let installation: TestInstallation;
let client: RawClient;
let other: RawClient;
let admin: Record<string, string>;
let user: Record<string, string>;

beforeAll(async () => {
  installation = await startInstallation({
    settings: { ...TEST_SETTINGS, rate_limits: { ...TEST_SETTINGS.rate_limits, risk_high_per_minute: 1 } },
    variables: { TRUSTED_PROXIES: '127.0.0.1/32' },
  });
  client = new RawClient(installation.http(0).baseUrl);
  other = new RawClient(installation.http(1).baseUrl);
  admin = { authorization: `Bearer ${(await installation.user('admin')).client.token}` };
  user = { authorization: `Bearer ${(await installation.user('user')).client.token}` };
});
afterAll(async () => {
  client?.close();
  other?.close();
  await installation?.close();
});

function post(path: string, body: unknown, headers: Record<string, string> = {}): RawRequest {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { method: 'POST', path, headers: { ...JSON_TYPE, ...headers }, body: text };
}

function get(path: string, headers: Record<string, string> = {}): RawRequest {
  return { method: 'GET', path, headers };
}

function action(name: string, payload: object, headers: Record<string, string> = {}): RawRequest {
  return post('/api/admin/action', { action: name, payload }, { ...admin, ...headers });
}

const clear = (): RawRequest => action('queue.clear', { queue: 'inspector' }, newKey());
/** Spends the one in a minute that the limit lets through; what follows is refused. */
async function spendLimit(): Promise<void> {
  for (let status = 0, tries = 0; status !== 429 && tries < 5; tries++)
    ({ status } = await client.send(clear()));
}

/** One of each place that errors come from: hooks, reader of bodies, router, guards, pipes, handlers, the pipeline. */
const CASES: [string, ErrorCode, () => RawRequest][] = [
  ['an unknown path', 'NOT_FOUND', () => get('/api/nothing')],
  ['a method that a path does not have', 'METHOD_NOT_ALLOWED', () => ({ method: 'DELETE', path: '/health' })],
  ['a method on the write endpoint', 'METHOD_NOT_ALLOWED', () => get('/api/admin/action')],
  ['a path that cannot be decoded', 'VALIDATION_ERROR', () => get('/%zz')],
  ['a path with an endless part', 'VALIDATION_ERROR', () => get(`/api/jobs/${'x'.repeat(3_000)}`, admin)],
  [
    'a content coding',
    'UNSUPPORTED_MEDIA_TYPE',
    () => post('/api/auth/login', {}, { 'content-encoding': 'gzip' }),
  ],
  [
    'a type that is not read',
    'UNSUPPORTED_MEDIA_TYPE',
    () => post('/api/admin/action', '{}', { 'content-type': 'text/plain' }),
  ],
  ['malformed JSON', 'VALIDATION_ERROR', () => post('/api/admin/action', '{"action":')],
  ['a large body', 'PAYLOAD_TOO_LARGE', () => post('/api/auth/login', `"${'x'.repeat(300_000)}"`)],
  ['a wrong body', 'VALIDATION_ERROR', () => post('/api/auth/login', { email: 1 })],
  ['a wrong parameter', 'VALIDATION_ERROR', () => get('/api/jobs/history?page=0', user)],
  ['no token', 'UNAUTHORIZED', () => get('/api/jobs/history')],
  [
    'a wrong password',
    'INVALID_CREDENTIALS',
    () => post('/api/auth/login', { email: 'nobody@example.test', password: 'x' }),
  ],
  ['a role that does not suffice', 'FORBIDDEN', () => get('/api/admin/ssot', user)],
  ['a foreign address', 'IP_NOT_ALLOWED', () => get('/api/admin/ssot', { ...admin, ...STRANGER })],
  ['metrics at a foreign address', 'IP_NOT_ALLOWED', () => get('/metrics', STRANGER)],
  ['something that is not there', 'JOB_NOT_FOUND', () => get(`/api/jobs/${uuidv7()}`, user)],
  ['an unknown action', 'VALIDATION_ERROR', () => action('job.explode', {})],
  ['an action on what is not there', 'JOB_NOT_FOUND', () => action('job.cancel', { job_id: uuidv7() })],
  ['an action that is not for this role', 'FORBIDDEN', () => action('queue.pause', { queue: 'all' }, user)],
  ['an action beyond its limit', 'RATE_LIMITED', clear],
  [
    'a bad key',
    'IDEMPOTENCY_KEY_INVALID',
    () => action('queue.pause', { queue: 'all' }, { 'x-idempotency-key': 'ä b' }),
  ],
];

describe('every error', () => {
  it.each(CASES)('%s: %s, with advice, in both forms', async (_name, code, request) => {
    if (code === 'RATE_LIMITED') await spendLimit();
    const info = ERROR_CODES[code];
    const sent = request();
    const envelope = await client.send(sent);
    const problem = await client.send({ ...sent, headers: { ...sent.headers, ...PROBLEM } });
    for (const answer of [envelope, problem]) {
      expect(answer.status).toBe(info.status);
      expect(answer.headers['cache-control']).toContain('no-store');
      expect(answer.headers['vary']).toMatch(/\bAccept\b/);
      expect(leakIn(answer.text)).toBeUndefined();
      const { trace_id } = JSON.parse(answer.text) as { trace_id: string };
      expect(answer.headers['x-trace-id']).toBe(trace_id);
      if (info.status === 401) expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
      if (info.status === 405) expect(answer.headers['allow']).toContain('OPTIONS');
    }
    expect(envelope.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(JSON.parse(envelope.text)).toMatchObject({ success: false, error_code: code, help: info.advice });
    expect(problem.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(JSON.parse(problem.text)).toMatchObject({
      type: `urn:agentos:error:${code}`,
      title: info.meaning,
      status: info.status,
      detail: expect.any(String),
      instance: `urn:agentos:trace:${problem.headers['x-trace-id'] as string}`,
      code,
      help: info.advice,
    });
  });

  it('of a body points into it, one entry for each thing that is wrong', async () => {
    const request = post(
      '/api/admin/action',
      { action: 'job.retry', payload: { job_id: 7, 'a/b': 1 }, extra: 1 },
      { ...admin, ...PROBLEM },
    );
    const { errors } = JSON.parse((await client.send(request)).text) as { errors: { path: string }[] };
    expect([...new Set(errors.map(({ path }) => path))].sort()).toEqual([
      '/extra',
      '/payload/a~1b',
      '/payload/job_id',
    ]);
  });

  it('of a limit names it', async () => {
    await spendLimit();
    const request = clear();
    const envelope = await client.send(request);
    const problem = await client.send({ ...request, headers: { ...request.headers, ...PROBLEM } });
    expect(JSON.parse(envelope.text)).toMatchObject({ violated_policies: ['queue.clear'] });
    expect(JSON.parse(problem.text)).toMatchObject({ 'violated-policies': ['queue.clear'] });
    expect(envelope.headers['ratelimit-policy']).toContain('"queue.clear"');
  });

  it('of an unknown action tells nobody the names of those there are', async () => {
    for (const role of [admin, user]) {
      const { text } = await client.send(action('job.cancle', {}, role));
      expect(text).not.toMatch(/job\.cancel|queue\.|system\./);
    }
  });
});

describe('an answer that is replayed', () => {
  it.each([
    ['the envelope', {}],
    ['a problem', PROBLEM],
  ])(
    'is the same byte for byte in the form that is asked for, whichever was first: %s',
    async (_name, first) => {
      const request = action('job.cancel', { job_id: uuidv7() }, newKey());
      const ask = (at: RawClient, accept: Record<string, string>): Promise<RawAnswer> =>
        at.send({ ...request, headers: { ...request.headers, ...accept } });
      const original = await ask(client, first);
      const [json, jsonAgain] = [await ask(client, {}), await ask(other, {})];
      const [problem, problemAgain] = [await ask(client, PROBLEM), await ask(other, PROBLEM)];
      expect(json.headers['idempotent-replayed']).toBe('true');
      expect(problem.headers['idempotent-replayed']).toBe('true');
      expect(jsonAgain.text).toBe(json.text);
      expect(problemAgain.text).toBe(problem.text);
      expect(original.text).toBe(('accept' in first ? problem : json).text);
      expect(JSON.parse(problem.text)).toMatchObject({
        code: 'JOB_NOT_FOUND',
        trace_id: original.headers['x-trace-id'],
      });
    },
  );
});

describe('a trace id', () => {
  it.each([
    ['10 KB', 'a'.repeat(10_240)],
    ['HTML', '<script>alert(1)</script>'],
    ['a path', '../../etc/passwd'],
    ['spaces', 'a b c d e f g h'],
    ['a format string', '%n%n%n%n%n%n%n%n'],
    ['SQL', "aaaaaaaa' OR 1=1--"],
  ])('that is %s is replaced and never repeated', async (_name, given) => {
    const answer = await client.send(get('/api/nothing', { 'x-trace-id': given }));
    expect(answer.headers['x-trace-id']).toMatch(/^[0-9a-f]{32}$/);
    expect(JSON.stringify([answer.headers, answer.text])).not.toContain(given.slice(0, 100));
  });

  it('that is well formed is kept, on success and on every error', async () => {
    for (const path of ['/health', '/api/nothing', '/api/jobs/history', '/%zz']) {
      const answer = await client.send(get(path, { 'x-trace-id': 'order-2026-11-25' }));
      expect([path, answer.headers['x-trace-id']]).toEqual([path, 'order-2026-11-25']);
    }
  });
});

describe('an action', () => {
  /** What both have of their own: times, ids, how long the connection is kept. */
  const shape = ({ status, headers, text }: RawAnswer) => ({
    status,
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [
        name,
        ['date', 'x-trace-id', 'content-length', 'ratelimit'].includes(name) ? 'any' : value,
      ]),
    ),
    members: Object.keys(JSON.parse(text) as object),
  });

  it.each([
    ['that succeeds', () => action('queue.resume', { queue: 'packager' })],
    ['with a field too many', () => action('queue.resume', { queue: 'packager', more: 1 })],
    ['that does not exist', () => action('queue.nothing', {})],
    ['that is not JSON', () => post('/api/admin/action', '{"action":', admin)],
    ['with a key twice', () => post('/api/admin/action', '{"action":"a","action":"a"}', admin)],
    ['in an error of RFC 9457', () => action('queue.nothing', {}, PROBLEM)],
    [
      'with a key that is malformed',
      () => action('queue.resume', { queue: 'packager' }, { 'x-idempotency-key': '#' }),
    ],
    ['of nobody', () => post('/api/admin/action', { action: 'queue.resume' })],
    ['from a stranger', () => action('queue.resume', { queue: 'packager' }, STRANGER)],
  ])('%s is answered alike in front of the router and behind it', async (_name, request) => {
    const front = await client.send(request());
    const routed = await client.send({ ...request(), path: '/api/admin/action?' });
    expect(shape(front)).toEqual(shape(routed));
  });
});
