import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import { eventually } from '../../test/support/eventually';
import { GatewayServer, type GatewayServerOptions } from './gateway-server';

describe('GatewayServer', () => {
  let server: GatewayServer;
  let clients: { destroy(): void }[];

  const listening = async (options: GatewayServerOptions) => {
    clients = [];
    server = new GatewayServer(options);
    await server.listen(0, '127.0.0.1');
  };

  afterEach(() => {
    server.stopListening();
    for (const client of clients) client.destroy();
  });

  /** Connects and says nothing. */
  const silent = async (): Promise<Socket> => {
    const socket = connect(server.port, '127.0.0.1');
    clients.push(socket);
    socket.resume().on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  };

  /** Connects and makes the handshake; rejects if it is not answered. */
  const upgraded = async (): Promise<void> => {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}`);
    clients.push({ destroy: () => socket.terminate() });
    await once(socket, 'open');
  };

  it('cuts off what an address opens beyond so many connections without a handshake', async () => {
    await listening({ maxStrangers: 3 });
    const first = [await silent(), await silent(), await silent()];
    await once(await silent(), 'close');
    await expect(upgraded()).rejects.toThrow();
    expect(first.map((socket) => socket.closed)).toEqual([false, false, false]);

    first[0]?.destroy();
    await eventually(upgraded);
  });

  it('counts neither those that have made it nor those that were refused and are gone', async () => {
    await listening({ maxStrangers: 1 });
    for (let i = 0; i < 5; i++) await eventually(upgraded);
    server.setHandshakeCheck(() => 403);
    for (let i = 0; i < 3; i++) await eventually(() => expect(upgraded()).rejects.toThrow('403'));
  });

  it('counts no proxy that is trusted', async () => {
    await listening({ maxStrangers: 1, isProxy: (address) => address === '127.0.0.1' });
    for (let i = 0; i < 3; i++) await silent();
    await upgraded();
  });
});
