import { once } from 'node:events';
import { connect } from 'node:net';
import { MessageBus } from '../../src/platform/messages/message-bus';
import { FrontPath } from '../../src/ssot/front-path';
import { registry } from '../../src/platform/telemetry/metrics';
import { saveSettings, TEST_SETTINGS } from '../support/users';
import { eventually, within } from '../support/eventually';
import { type Person, type ReadProcess, ReadsideTest } from './readside-support';

const PATH = '/api/admin/ssot';
/** A version that is asked for is Fastify's affair, and changes nothing about the answer. */
const BEHIND = { 'api-version': '2026-11-26' };
/** Fields that are another's in each answer. */
const VARYING = ['date', 'x-trace-id', 'ratelimit', 'server-timing', 'age'];

describe('a hit of the read model', () => {
  let test: ReadsideTest;
  let api: ReadProcess;
  let admin: Person;
  let hits: jest.SpyInstance<boolean>;

  beforeAll(async () => {
    test = await ReadsideTest.start();
    api = await test.api();
    admin = await test.person(api);
    hits = jest.spyOn(api.get(FrontPath) as unknown as { hit(): boolean }, 'hit');
  });
  afterAll(() => test.close());
  // Nobody warms it here, so that one which is still good when a test begins could come to its end within it.
  beforeEach(async () => {
    await api.get(MessageBus).publish('ssot.invalidate', { reason: 'test' });
    await eventually(async () => expect((await read({ 'accept-encoding': 'br' })).encoding).toBe('br'));
    hits.mockClear();
  });

  async function read(headers: Record<string, string>, path = PATH) {
    const answer = await admin.client(api).get(path, headers);
    const all = Object.fromEntries(answer.headers);
    const fixed = Object.entries(all).map(([name, value]) => [name, VARYING.includes(name) ? 'any' : value]);
    return {
      status: answer.status,
      encoding: all['content-encoding'],
      traceId: all['x-trace-id'],
      seen: [answer.status, Object.fromEntries(fixed), answer.bytes.toString('base64')],
      all,
    };
  }
  const inFront = () => hits.mock.results.map(({ value }) => value as boolean);
  /**
   * Reads of somebody who is known. That lasts for a second at most, so where a busy machine took longer it is done again.
   */
  async function known(reads: () => Promise<void>): Promise<void> {
    for (let tries = 0; tries < 20; tries++) {
      await read({});
      hits.mockClear();
      const began = performance.now();
      await reads();
      if (performance.now() - began < 350) return;
    }
  }

  it.each([
    ['plain', {}, PATH],
    ['brotli', { 'accept-encoding': 'br' }, PATH],
    ['gzip', { 'accept-encoding': 'gzip' }, PATH],
    ['not modified', { 'if-none-match': '*' }, PATH],
    ['not modified of brotli', { 'if-none-match': '*', 'accept-encoding': 'br' }, PATH],
    ['the dashboard', {}, `${PATH}/dashboard`],
    ['some sections', {}, `${PATH}?sections=queue,logs`],
  ])('is the same in front of Fastify and behind it: %s', async (_name, headers, path) => {
    const asked = { 'accept-encoding': 'identity', ...headers };
    await read(asked, path);
    const answers: Awaited<ReturnType<typeof read>>[] = [];
    await known(async () => {
      answers.splice(0, 2, await read(asked, path), await read({ ...asked, ...BEHIND }, path));
    });
    expect(inFront()).toEqual([true, false]);
    const [front, behind] = answers as [(typeof answers)[0], (typeof answers)[0]];
    expect(front.seen).toEqual(behind.seen);
    for (const { all } of [front, behind]) {
      expect(all['x-trace-id']).toMatch(/^[0-9a-f]{32}$/);
      expect(all['ratelimit']).toMatch(/^"admin-read";r=\d+;t=\d+$/);
      expect(all['server-timing']).toMatch(/^cache;desc=hit, total;dur=\d+\.\d\d$/);
      expect(Math.abs(Date.now() - Date.parse(all['date'] ?? ''))).toBeLessThan(5_000);
      expect(Number(all['age'])).toBeLessThan(60);
    }
  });

  it('has the name of the trace that the client gave it, if that is one', async () => {
    await known(async () => {
      expect((await read({ 'x-trace-id': 'order-2026-11' })).traceId).toBe('order-2026-11');
      expect((await read({ 'x-trace-id': '<b>' })).traceId).toMatch(/^[0-9a-f]{32}$/);
    });
    expect(inFront()).toEqual([true, true]);
  });

  it('answers requests that come at once in their order, and then closes if told to', async () => {
    const request = (n: number, more = '') =>
      `GET ${PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${admin.token}\r\n` +
      `X-Trace-Id: pipelined-${n}\r\nIf-None-Match: *\r\n${more}\r\n`;
    let text = '';
    await known(async () => {
      const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
      socket.write(request(1) + request(2) + request(3, 'Connection: close\r\n'));
      text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      await once(socket, 'close');
    });
    expect(inFront()).toEqual([true, true, false]);
    expect(text.match(/^HTTP\/1\.1 304 Not Modified/gm)).toHaveLength(3);
    expect(text.match(/(?<=x-trace-id: )\S+/g)).toEqual(['pipelined-1', 'pipelined-2', 'pipelined-3']);
    expect(text.match(/(?<=Connection: )\S+/gi)).toEqual(['keep-alive', 'keep-alive', 'close']);
  });

  it('is counted once, either way', async () => {
    const count = async () =>
      Number(
        /http_requests_total\{method="GET",route="\/api\/admin\/ssot",status="200"\} (\d+)/.exec(
          await registry.metrics(),
        )?.[1],
      );
    const before = await count();
    await read({});
    await read(BEHIND);
    await eventually(async () => expect((await count()) - before).toBe(2));
  });

  it('ends with the session, at once where it is ended', async () => {
    const person = await test.person(api);
    const client = person.client(api);
    await known(async () => {
      expect((await client.get(PATH)).status).toBe(200);
      expect((await client.get(PATH)).status).toBe(200);
    });
    expect(inFront().at(-1)).toBe(true);
    await test.database.query('UPDATE sessions SET revoked_at = now() WHERE id = $1', [person.sessionId]);
    await within(1_000, async () => expect((await client.get(PATH)).status).toBe(401));
  });

  it('is for nobody who may not read it, however well known they are', async () => {
    const user = (await test.person(api, 'user')).client(api);
    const answers = [];
    for (let n = 0; n < 3; n++) answers.push(await user.get(PATH, { 'accept-encoding': 'identity' }));
    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403]);
    expect(inFront()).toEqual([false, false, false]);
  });

  it('is refused at the limit, which is one for both ways, and in the usual form', async () => {
    await saveSettings(test.database, {
      ...TEST_SETTINGS,
      rate_limits: { ...TEST_SETTINGS.rate_limits, admin_read_per_minute: 3 },
    });
    const reader = (await test.person(api, 'readonly')).client(api);
    await eventually(async () =>
      expect((await reader.get(PATH)).headers.get('ratelimit-policy')).toBe('"admin-read";q=3;w=60'),
    );
    // As a client that takes the prepared bytes: each of these can be answered in front.
    const plain = { 'accept-encoding': 'identity' };
    let admitted = 0;
    let answer = await reader.get(PATH, plain);
    for (; answer.status === 200; answer = await reader.get(PATH, plain)) admitted++;
    expect(admitted).toBeLessThanOrEqual(3);
    expect([answer.status, answer.body.error_code]).toEqual([429, 'RATE_LIMITED']);
    expect(answer.headers.get('ratelimit')).toMatch(/^"admin-read";r=0;t=\d+$/);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await reader.get(PATH, BEHIND)).status).toBe(429);
  });
});
