import 'reflect-metadata';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RuntimeSettings } from '../settings/runtime-settings';
import type { OutboundError } from './outbound-error';
import { OutboundHttp } from './outbound-http';

/** How long a host rests, in milliseconds; that passes when a test says so. */
const REST_MS = 30_000;

describe('the circuit of another system', () => {
  let server: Server;
  let url: string;
  let outbound: OutboundHttp;
  /** To which of its networks connections may be made. */
  let networks: string[];
  /** What the server does with a request; given a way to answer it. */
  let asked: (answer: (status: number) => void) => void;
  let clock: number;

  beforeAll((done) => {
    server = createServer((_request, response) =>
      asked((status) => response.writeHead(status).end('{}')),
    ).listen(0, '127.0.0.1', done);
  });
  beforeEach(() => {
    clock = 1_000_000;
    jest.spyOn(performance, 'now').mockImplementation(() => clock);
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    url = `http://${host}/`;
    networks = ['127.0.0.0/8'];
    const hosts = { [host]: { networks, plain_http: true } };
    const settings = { outbound: { hosts, max_response_bytes: 1_000 } };
    outbound = new OutboundHttp({ current: () => settings } as unknown as RuntimeSettings, REST_MS);
  });
  afterEach(() => jest.restoreAllMocks());
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

  /** Lets the system fail until it is left alone. */
  const open = async () => {
    asked = (answer) => answer(503);
    for (let call = 0; call < 5; call++) await expect(post()).rejects.toMatchObject({ kind: 'unavailable' });
    const resting = await post().catch((error: unknown) => error as OutboundError);
    expect(resting).toMatchObject({ kind: 'resting' });
    return (resting as OutboundError).againInMs ?? Number.NaN;
  };

  it('opens when the system fails them, and says when it may be asked again', async () => {
    const againInMs = await open();
    expect(againInMs).toBe(REST_MS);
  });

  it('neither closes nor opens when the one who tries it stops waiting', async () => {
    clock += await open();
    const stopped = new AbortController();
    asked = () => stopped.abort(new Error('the job was cancelled'));
    await expect(post(stopped.signal)).rejects.toThrow('the job was cancelled');
    // It is the next one's turn at once, and one alone is let through: it is not closed.
    let answerIt = (_status: number): void => undefined;
    const tried = new Promise<void>((resolve) => {
      asked = (answer) => {
        answerIt = answer;
        resolve();
      };
    });
    const trial = post();
    await tried;
    await expect(post()).rejects.toMatchObject({ kind: 'resting' });
    answerIt(200);
    await expect(trial).resolves.toEqual({});
    asked = (answer) => answer(200);
    await expect(post()).resolves.toEqual({});
  });

  it('says nothing of the system when its name stands for an address that may not be called', async () => {
    networks.length = 0;
    for (let call = 0; call < 6; call++) await expect(post()).rejects.toMatchObject({ kind: 'refused' });
    networks.push('127.0.0.0/8');
    asked = (answer) => answer(200);
    await expect(post()).resolves.toEqual({});
  });
});
