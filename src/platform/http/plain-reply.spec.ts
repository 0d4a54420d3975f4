import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { CommonHead, PlainReply } from './plain-reply';
import { varyBy } from './vary';

const COMMON = { 'x-common': 'always', vary: 'Origin' };
const BODY = '{"name":"Zoë"}';

describe('an answer in front of Fastify', () => {
  let server: Server;

  beforeAll((done) => {
    server = createServer((request, response) => {
      const reply = new PlainReply(request, response, new CommonHead(COMMON, server.keepAliveTimeout));
      reply.status(201).headers({ 'X-Own': 'once', RateLimit: '"a";r=1;t=2' }).type('application/json');
      // As errors do; it is in the common head already.
      if (request.url === '/varied') varyBy(reply, 'Accept');
      reply.header('retry-after', 3).send(BODY);
    });
    server.listen(0, '127.0.0.1', done);
  });
  afterAll((done) => void server.close(done));

  async function answer(path: string, connection: string) {
    const { port } = server.address() as AddressInfo;
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get({ port, path, headers: { connection } }, resolve).on('error', reject);
    });
    const { connection: kept, 'keep-alive': timeout, date, ...headers } = response.headers;
    expect(Math.abs(Date.parse(date ?? '') - Date.now())).toBeLessThan(10_000);
    const { statusCode, statusMessage } = response;
    return { kept, timeout, head: { statusCode, statusMessage, headers }, body: await text(response) };
  }

  it.each(['/', '/varied'])(
    'says the same from prepared text as through writeHead, with length and connection (%s)',
    async (path) => {
      const kept = await answer(path, 'keep-alive');
      const closed = await answer(path, 'close');
      expect(kept.head).toEqual(closed.head);
      expect(kept.head).toMatchObject({
        statusCode: 201,
        statusMessage: 'Created',
        headers: {
          'x-common': 'always',
          'x-own': 'once',
          vary: path === '/' ? 'Origin' : 'Origin, Accept',
          'content-length': String(Buffer.byteLength(BODY)),
        },
      });
      expect([kept.kept, kept.timeout, closed.kept]).toEqual(['keep-alive', 'timeout=5', 'close']);
      expect([kept.body, closed.body]).toEqual([BODY, BODY]);
    },
  );
});
