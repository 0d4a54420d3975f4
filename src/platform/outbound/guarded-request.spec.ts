import dns, { type lookup } from 'node:dns';
import { createServer, type Server } from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import type { AddressInfo } from 'node:net';
import { guardedPost } from './guarded-request';

const asked = jest.spyOn(dns, 'lookup');
// The agent is an ES module: what it has imported by name follows when it is told to.
syncBuiltinESMExports();
afterAll(() => {
  asked.mockRestore();
  syncBuiltinESMExports();
});

/** What names stand for, each time they are asked for. */
function namesStandFor(...answers: string[][]): void {
  const answer = (_host: string, _options: object, callback: (error: null, all: object[]) => void) => {
    const addresses = answers[asked.mock.calls.length - 1] ?? [];
    callback(
      null,
      addresses.map((address) => ({ address, family: 4 })),
    );
  };
  asked.mockImplementation(answer as unknown as typeof lookup);
}

describe('a guarded request', () => {
  let server: Server;
  let hits = 0;
  const post = (host: string, networks: string[]) =>
    guardedPost({
      url: new URL(`http://${host}:${(server.address() as AddressInfo).port}/`),
      networks,
      headers: {},
      body: '{}',
      maxBytes: 100,
      signal: AbortSignal.timeout(5_000),
    });

  beforeAll((done) => {
    server = createServer((_request, response) => {
      hits += 1;
      response.end('{}');
    }).listen(0, '127.0.0.1', done);
  });
  beforeEach(() => (hits = 0));
  afterAll((done) => void server.close(done));

  it.each([
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f.1',
    '0.0.0.0',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '169.254.169.254',
  ])('does not go to %s, which is not public', async (host) => {
    await expect(post(host, [])).rejects.toThrow(/is not allowed/);
    expect(hits).toBe(0);
  });

  it('goes to what the operator has allowed', async () => {
    expect(await post('127.0.0.1', ['127.0.0.0/8'])).toMatchObject({ status: 200 });
    expect(hits).toBe(1);
  });

  it('does not go to a name that stands for such an address, not even as one of several', async () => {
    namesStandFor(['93.184.216.34', '127.0.0.1']);
    await expect(post('models.example.com', [])).rejects.toThrow(/is not allowed/);
    expect(hits).toBe(0);
  });

  it('asks for the address once, and connects to that one, whatever the name stands for a moment later', async () => {
    namesStandFor(['127.0.0.1'], ['10.9.9.9']);
    expect(await post('models.example.com', ['127.0.0.0/8'])).toMatchObject({ status: 200 });
    expect(asked).toHaveBeenCalledTimes(1);
  });
});
