import { hash } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { type PerMessageDeflateOptions, WebSocket, WebSocketServer } from 'ws';
import { DEFLATE, keepNoInflater } from './compression';
import { deflatedFrame, textFrame } from './text-frame';

/** The two ends of a connection, and the socket under the server's. */
interface Ends {
  client: WebSocket;
  server: WebSocket;
  socket: Socket;
}

describe('frames', () => {
  let listener: WebSocketServer;

  beforeAll(async () => {
    listener = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: DEFLATE });
    await once(listener, 'listening');
  });

  afterAll(() => {
    for (const client of listener.clients) client.terminate();
    listener.close();
  });

  async function connected(perMessageDeflate: boolean | PerMessageDeflateOptions): Promise<Ends> {
    const { port } = listener.address() as { port: number };
    const client = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate });
    const [[server, { socket }]] = (await Promise.all([
      once(listener, 'connection'),
      once(client, 'open'),
    ])) as unknown as [[WebSocket, { socket: Socket }]];
    return { client, server, socket };
  }

  async function read({ client, socket }: Ends, frame: Buffer): Promise<string> {
    const message = once(client, 'message');
    socket.write(frame);
    const [data, isBinary] = (await message) as [Buffer, boolean];
    expect(isBinary).toBe(false);
    return data.toString();
  }

  const textOf = (length: number): string => 'é'.repeat(Math.floor(length / 2)) + 'x'.repeat(length % 2);

  it('are read as sent, at every length that has another header', async () => {
    const ends = await connected(false);
    for (const length of [0, 1, 125, 126, 127, 65_534, 65_535, 65_536, 200_000])
      expect(await read(ends, textFrame(textOf(length)))).toBe(textOf(length));
  });

  it('are read as sent by all who compress, and are smaller from 1 KB on', async () => {
    const many = [await connected(true), await connected({ clientNoContextTakeover: true })];
    // Of hashes something is left to send: each length of header is there once more.
    const digits = Array.from({ length: 5_000 }, (_, n) => hash('sha256', String(n), 'hex')).join('');
    for (const length of [1, 1_023, 1_024, 5_000, 100_000, 300_000]) {
      const plain = textFrame(digits.slice(0, length));
      const frame = deflatedFrame(plain);
      if (length < 1_024) expect(frame).toBe(plain);
      else expect(frame.length).toBeLessThan(0.6 * plain.length);
      for (const ends of many) expect(await read(ends, frame)).toBe(digits.slice(0, length));
    }
  });

  it('of a client that compresses leave nothing behind', async () => {
    const { client, server } = await connected({ threshold: 0 });
    keepNoInflater(server);
    for (const text of ['one', 'two', textOf(10_000)]) {
      const message = once(server, 'message');
      client.send(text);
      expect(String((await message)[0])).toBe(text);
      const { _extensions } = server as unknown as { _extensions: Record<string, { _inflate: unknown }> };
      expect(_extensions['permessage-deflate']).toMatchObject({ _inflate: null });
    }
  });
});
