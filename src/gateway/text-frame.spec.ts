import { once } from 'node:events';
import type { Socket } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { textFrame } from './text-frame';

describe('textFrame', () => {
  it('is read as sent, at every length that has another header', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    const client = new WebSocket(`ws://127.0.0.1:${(server.address() as { port: number }).port}`);
    const [, request] = (await once(server, 'connection')) as [WebSocket, { socket: Socket }];
    for (const length of [0, 1, 125, 126, 127, 65_534, 65_535, 65_536, 200_000]) {
      const text = 'é'.repeat(Math.floor(length / 2)) + 'x'.repeat(length % 2);
      const message = once(client, 'message');
      request.socket.write(textFrame(text));
      const [data, isBinary] = (await message) as [Buffer, boolean];
      expect(isBinary).toBe(false);
      expect(data.toString()).toBe(text);
    }
    client.terminate();
    server.close();
  });
});
