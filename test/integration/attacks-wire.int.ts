import { RawSocket, exchange } from '../fuzz/raw-socket';
import { leakIn } from '../fuzz/leaks';
import { eventually } from '../support/eventually';
import { startInstallation, type TestInstallation } from '../support/installation';

/** What an HTTP client would not send: malformed, contradictory, oversized and slow requests on bare connections. */

let installation: TestInstallation;
let baseUrl: string;
let authorization: string;

beforeAll(async () => {
  installation = await startInstallation({ apis: 1 });
  const { client } = await installation.user('admin');
  baseUrl = client.baseUrl;
  authorization = `Authorization: Bearer ${client.token}`;
});
afterAll(() => installation?.close());

const ACTION = JSON.stringify({ action: 'queue.pause', payload: { queue: 'inspector' } });
/** An action that takes effect if its request is understood as one. */
const action = (...headers: string[]): string =>
  lines(
    'POST /api/admin/action HTTP/1.1',
    'Host: a',
    authorization,
    'Content-Type: application/json',
    ...headers,
  );
const lines = (...all: string[]): string => `${all.join('\r\n')}\r\n\r\n`;
const get = (...headers: string[]): string => lines('GET /health HTTP/1.1', ...headers);
const length = `Content-Length: ${ACTION.length}`;
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;

const executions = async (): Promise<number> => {
  const [row] = await installation.database.query<{ n: number }>('SELECT count(*) AS n FROM executions');
  return row?.n ?? 0;
};

describe('a request that somebody before us may have understood in another way', () => {
  it.each([
    ['a length and chunks', () => action(length, 'Transfer-Encoding: chunked') + chunk(ACTION), 400],
    [
      'chunks and a length',
      () => action('Transfer-Encoding: chunked', 'Content-Length: 5') + chunk(ACTION),
      400,
    ],
    ['two lengths', () => action(length, 'Content-Length: 5') + ACTION, 400],
    ['the same length twice', () => action(length, length) + ACTION, 400],
    ['a list of lengths', () => action(`${length}, ${ACTION.length}`) + ACTION, 400],
    ['a length with a sign', () => action(`Content-Length: +${ACTION.length}`) + ACTION, 400],
    ['a negative length', () => action('Content-Length: -1') + ACTION, 400],
    ['a hexadecimal length', () => action('Content-Length: 0x10') + ACTION, 400],
    ['an unknown coding', () => action('Transfer-Encoding: xchunked') + chunk(ACTION), 400],
    ['a coding that is none', () => action('Transfer-Encoding: identity') + ACTION, 400],
    ['a coding below chunked', () => action('Transfer-Encoding: gzip, chunked') + chunk(ACTION), 400],
    ['a coding above chunked', () => action('Transfer-Encoding: chunked, identity') + chunk(ACTION), 400],
    [
      'a coding hidden by a control character',
      () => action('Transfer-Encoding: \x0bchunked') + chunk(ACTION),
      400,
    ],
    ['a space before the colon', () => action('Transfer-Encoding : chunked') + chunk(ACTION), 400],
    ['a coding on a folded line', () => action('Transfer-Encoding:', ' chunked') + chunk(ACTION), 400],
    ['a header on a folded line', () => action('X-A: b', ' c', length) + ACTION, 400],
    ['a header name with a space', () => action('X A: b', length) + ACTION, 400],
    ['a header without a colon', () => action('nonsense', length) + ACTION, 400],
    ['NUL in a header', () => action('X-A: b\0c', length) + ACTION, 400],
    ['a bare carriage return in a header', () => action('X-A: b\rX-C: d', length) + ACTION, 400],
    ['bare line feeds', () => (action(length) + ACTION).replaceAll('\r\n', '\n'), 400],
    ['no host', () => get('Accept: */*'), 400],
    ['two hosts', () => get('Host: a', 'Host: b'), 400],
    ['an endless chunk', () => `${action('Transfer-Encoding: chunked')}ffffffffffffffffff\r\n${ACTION}`, 400],
    [
      'a chunk of negative size',
      () => `${action('Transfer-Encoding: chunked')}-1\r\n${ACTION}\r\n0\r\n\r\n`,
      400,
    ],
    [
      'a chunk that is longer than it says',
      () => `${action('Transfer-Encoding: chunked')}1\r\n${ACTION}\r\n0\r\n\r\n`,
      400,
    ],
    [
      'endless chunk extensions',
      () => `${action('Transfer-Encoding: chunked')}5;${'x'.repeat(20_000)}\r\n`,
      413,
    ],
    ['an unknown method', () => lines('NONSENSE /health HTTP/1.1', 'Host: a'), 400],
    ['a method in small letters', () => lines('get /health HTTP/1.1', 'Host: a'), 400],
    ['an unknown version', () => lines('GET /health HTTP/9.9', 'Host: a'), 400],
    ['no version', () => lines('GET /health', 'Host: a'), 400],
    ['the preface of HTTP/2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['the greeting of TLS', () => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['a header of 20 KB', () => get('Host: a', `X-A: ${'b'.repeat(20_000)}`), 431],
    ['a path of 20 KB', () => lines(`GET /${'a'.repeat(20_000)} HTTP/1.1`, 'Host: a'), 431],
    ['2,000 headers', () => get('Host: a', ...Array.from({ length: 2_000 }, () => 'a:b')), 431],
    ['200 headers', () => get('Host: a', ...Array.from({ length: 200 }, (_, i) => `X-${i}: b`)), 431],
    [
      'cookies of 20 KB',
      () => get('Host: a', ...Array.from({ length: 20 }, () => `Cookie: ${'c'.repeat(1_000)}`)),
      431,
    ],
    ['an expectation that is not met', () => action('Expect: the-impossible', length) + ACTION, 417],
  ])('%s is refused, takes no effect, and ends the connection', async (_name, text, status) => {
    const before = await executions();
    const { text: answer, closed } = await exchange(baseUrl, text());
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer.match(/HTTP\/1\.1 \d{3}/g)).toHaveLength(1);
    expect(closed).toBe(true);
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    const error = JSON.parse(body) as {
      success: boolean;
      error_code: string;
      trace_id: string;
      help: string;
    };
    expect(error).toMatchObject({ success: false, error_code: expect.any(String), help: expect.any(String) });
    expect(/^x-trace-id: (.+)$/im.exec(head)?.[1]).toBe(error.trace_id);
    expect(head).toMatch(/^connection: close$/im);
    expect(leakIn(answer)).toBeUndefined();
    expect(await executions()).toBe(before);
  });

  it('ends a connection that wants a tunnel', async () => {
    const { text, closed } = await exchange(baseUrl, lines('CONNECT example.test:443 HTTP/1.1', 'Host: a'));
    expect([text, closed]).toEqual(['', true]);
  });

  it.each([
    ['HTTP/1.0 without a host', () => lines('GET /health HTTP/1.0')],
    ['an absolute address', () => lines('GET http://a/health HTTP/1.1', 'Host: a', 'Connection: close')],
    [
      'an upgrade to something else',
      () => get('Host: a', 'Upgrade: h2c, websocket', 'Connection: close, upgrade'),
    ],
    [
      '99 headers',
      () => get('Host: a', 'Connection: close', ...Array.from({ length: 97 }, (_, i) => `X-${i}: b`)),
    ],
  ])('%s is understood', async (_name, text) => {
    expect((await exchange(baseUrl, text())).text).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('understands chunks, and pays no heed to trailers', async () => {
    const trailers = 'Authorization: Bearer nonsense\r\nX-Idempotency-Key: trailer\r\n';
    const body = `${ACTION.length.toString(16)}\r\n${ACTION}\r\n0\r\n${trailers}\r\n`;
    const { text } = await exchange(
      baseUrl,
      action('Transfer-Encoding: chunked', 'Connection: close') + body,
    );
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    const keyed = await installation.database.query(
      "SELECT FROM executions WHERE idempotency_key = 'trailer'",
    );
    expect(keyed).toEqual([]);
  });

  it('takes no more of a body in chunks than of one whose length is said', async () => {
    const before = await executions();
    const padding = ' '.repeat(16_384);
    // Right in itself, and 20 KB more than may come.
    const body = `${`4000\r\n${padding}\r\n`.repeat(17)}${chunk(ACTION)}`;
    const { text, closed } = await exchange(baseUrl, action('Transfer-Encoding: chunked') + body);
    expect([text.slice(0, 12), closed]).toEqual(['HTTP/1.1 413', true]);
    expect(text).toContain('PAYLOAD_TOO_LARGE');
    expect(await executions()).toBe(before);
  });

  it('reads a second request from a connection only where the first one ends', async () => {
    const second = get('Host: a', 'Connection: close');
    const { text } = await exchange(baseUrl, action(length) + ACTION + second);
    expect(text.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
  });
});

describe('requests that take their time', () => {
  /** How long the headers of a request, and then its body, may take here. */
  const TIMEOUT_MS = 2_000;
  let impatient: TestInstallation;

  beforeAll(async () => {
    impatient = await startInstallation({ apis: 1, variables: { HTTP_TIMEOUT_MS: String(TIMEOUT_MS) } });
  });
  afterAll(() => impatient?.close());

  it('are cut off, while everybody else is served', async () => {
    const login = lines(
      'POST /api/auth/login HTTP/1.1',
      'Host: a',
      'Content-Type: application/json',
      'Content-Length: 60000',
    );
    const kinds = { silent: '', headers: 'GET /health HTTP/1.1\r\nHost: a\r\nX-', body: `${login}{"email":` };
    const sockets = await Promise.all(
      Object.entries(kinds).flatMap(([kind, beginning]) =>
        Array.from({ length: 100 }, async () => {
          const socket = await RawSocket.open(impatient.http().baseUrl);
          socket.write(beginning);
          return { kind, socket };
        }),
      ),
    );
    const drip = setInterval(
      () => sockets.forEach(({ kind, socket }) => kind !== 'silent' && socket.write('a')),
      100,
    );
    try {
      for (let i = 0; i < 20; i++) expect((await impatient.http().get('/health')).status).toBe(200);
      await eventually(
        () => expect(sockets.filter(({ socket }) => !socket.so.closed).map(({ kind }) => kind)).toEqual([]),
        {
          timeoutMs: 30 * TIMEOUT_MS,
        },
      );
    } finally {
      clearInterval(drip);
      sockets.forEach(({ socket }) => socket.destroy());
    }
    for (const { socket } of sockets) {
      expect(socket.so.text).toMatch(/^HTTP\/1\.1 408 [\s\S]*"error_code":"REQUEST_TIMEOUT"/);
      expect(socket.so.text).toMatch(/^x-trace-id: \w+/im);
    }
  });
});
