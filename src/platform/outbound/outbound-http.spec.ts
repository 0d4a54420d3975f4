import 'reflect-metadata';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RuntimeSettings } from '../settings/runtime-settings';
import { OutboundHttp } from './outbound-http';

describe('the circuit of another system', () => {
  let server: Server;
  let url: string;
  let outbound: OutboundHttp;
  /** What the server does with a request; given a way to answer it. */
  let asked: (answer: (status: number) => void) => void;

  beforeAll((done) => {
    server = createServer((_request, response) =>
      asked((status) => response.writeHead(status).end('{}')),
    ).listen(0, '127.0.0.1', done);
  });
  beforeEach(() => {
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    url = `http://${host}/`;
    const hosts = { [host]: { networks: ['127.0.0.0/8'], plain_http: true } };
    const settings = { outbound: { hosts, max_response_bytes: 1_000 } };
    outbound = new OutboundHttp({ current: () => settings } as unknown as RuntimeSettings);
  });
  afterEach(() => outbound.onApplicationShutdown());
  afterAll((done) => {
    server.closeAllConnections();
    server.close(done);
  });

  const post = (signal = new AbortController().signal) =>
    outbound.postJson({ url, body: {}, timeoutMs: 5_000, signal });

  it('stays closed when those who asked stop waiting', async () => {
    for (let call = 0; call < 6; call++) {
      const stopped = new AbortController();
      asked = () => stopped.abort(new Error('the job was cancelled'));
      await expect(post(stopped.signal)).rejects.toThrow('the job was cancelled');
    }
    asked = (answer) => answer(200);
    await expect(post()).resolves.toEqual({});
  });

  it('opens when the system fails them', async () => {
    asked = (answer) => answer(503);
    for (let call = 0; call < 5; call++) await expect(post()).rejects.toMatchObject({ kind: 'unavailable' });
    await expect(post()).rejects.toMatchObject({ kind: 'resting' });
  });
});
