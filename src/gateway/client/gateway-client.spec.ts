import type { ClientFrame, ServerFrame } from '../protocol';
import type { GatewayEnd } from './follow';
import { GatewayClient, type ClientState, type SocketLike } from './gateway-client';

/** The server's end of a connection, played by the test. */
class FakeSocket implements SocketLike {
  readyState = 0;
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  readonly sent: ClientFrame[] = [];

  send(data: string): void {
    this.sent.push(JSON.parse(data) as ClientFrame);
  }

  close(code = 1000): void {
    this.drop(code);
  }

  async accept(expiresInMs = 900_000): Promise<void> {
    this.readyState = 1;
    this.onopen?.({} as never);
    await jest.advanceTimersByTimeAsync(0);
    this.say({
      type: 'ready',
      session: 's',
      role: 'admin',
      expires_at: new Date(Date.now() + expiresInMs).toISOString(),
    });
  }

  say(frame: ServerFrame): void {
    this.onmessage?.({ data: JSON.stringify(frame) } as never);
  }

  drop(code: number): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.onclose?.({ code, reason: '' } as never);
  }
}

describe('GatewayClient', () => {
  let sockets: FakeSocket[];
  let tokens: number;
  let states: ClientState[];
  let end: GatewayEnd | undefined;
  let client: GatewayClient;
  let seen: unknown[];

  beforeEach(() => {
    jest.useFakeTimers();
    sockets = [];
    tokens = 0;
    states = [];
    end = undefined;
    seen = [];
    client = new GatewayClient({
      url: 'ws://gateway',
      token: () => `token-${++tokens}`,
      connect: () => {
        const socket = new FakeSocket();
        sockets.push(socket);
        return socket;
      },
      onState: (state) => states.push(state),
      onEnd: (reason) => (end = reason),
    });
  });

  afterEach(() => {
    client.close();
    jest.useRealTimers();
  });

  const socket = () => sockets.at(-1) as FakeSocket;
  const comeBack = () => jest.advanceTimersByTimeAsync(20_000);
  const follow = (topic: string) =>
    client.follow(topic, {
      begin: ({ offset }, recovered) => seen.push(`${recovered ? 'on' : 'new'} ${offset}`),
      event: ({ offset }) => seen.push(offset),
      refused: ({ code }) => seen.push(code),
    });

  it('signs in, subscribes, and goes on where it was on the next connection', async () => {
    client.open();
    follow('ssot');
    await socket().accept();
    expect(socket().sent).toEqual([
      { type: 'auth', token: 'token-1' },
      { type: 'subscribe', topic: 'ssot' },
    ]);
    socket().say({ type: 'subscribed', topic: 'ssot', offset: 4, epoch: 'e', recovered: false });
    socket().say({ type: 'event', topic: 'ssot', offset: 5, data: {} });
    socket().drop(1006);
    await comeBack();
    await socket().accept();
    expect(socket().sent).toEqual([
      { type: 'auth', token: 'token-2' },
      { type: 'subscribe', topic: 'ssot', since: { offset: 5, epoch: 'e' } },
    ]);
    socket().say({ type: 'subscribed', topic: 'ssot', offset: 5, epoch: 'e', recovered: true });
    socket().say({ type: 'event', topic: 'ssot', offset: 6, data: {} });
    expect(seen).toEqual(['new 4', 5, 'on 5', 6]);
    expect(states).toEqual(['connecting', 'ready', 'offline', 'connecting', 'ready']);
  });

  it('renews the token in the open connection before it expires', async () => {
    client.open();
    await socket().accept(120_000);
    await jest.advanceTimersByTimeAsync(61_000);
    expect(socket().sent.filter((frame) => frame.type === 'auth')).toEqual([
      { type: 'auth', token: 'token-1' },
      { type: 'auth', token: 'token-2' },
    ]);
    expect(sockets).toHaveLength(1);
  });

  it.each([1008, 1009, 4403])('does not come back after %d', async (code) => {
    client.open();
    await socket().accept();
    socket().drop(code);
    await comeBack();
    expect(sockets).toHaveLength(1);
    expect(end?.code).toBe(code);
  });

  it.each([1006, 1001, 1013, 3001, 3008])('comes back after %d', async (code) => {
    client.open();
    await socket().accept();
    socket().drop(code);
    await comeBack();
    expect(sockets).toHaveLength(2);
  });

  it('tries another token once when it is refused, not for ever', async () => {
    client.open();
    for (let i = 0; i < 2; i++) {
      socket().readyState = 1;
      socket().onopen?.({} as never);
      await jest.advanceTimersByTimeAsync(0);
      socket().say({ type: 'error', code: 'UNAUTHORIZED', message: 'no' });
      socket().drop(4401);
      await comeBack();
    }
    expect(tokens).toBe(2);
    expect(sockets).toHaveLength(2);
    expect(end?.code).toBe(4401);
  });

  it('comes back for as long as nobody can tell whether its token is good', async () => {
    client.open();
    for (let i = 0; i < 4; i++) {
      socket().readyState = 1;
      socket().onopen?.({} as never);
      await jest.advanceTimersByTimeAsync(0);
      socket().say({ type: 'error', code: 'SERVICE_UNAVAILABLE', message: 'not now' });
      socket().drop(i % 2 ? 1013 : 4401);
      await comeBack();
    }
    await socket().accept();
    expect([sockets.length, tokens, end]).toEqual([5, 5, undefined]);
    expect(states.at(-1)).toBe('ready');
  });

  it('asks again when a renewal is only not available', async () => {
    client.open();
    await socket().accept(120_000);
    await jest.advanceTimersByTimeAsync(60_100);
    socket().say({ type: 'error', code: 'SERVICE_UNAVAILABLE', message: 'not now' });
    await jest.advanceTimersByTimeAsync(2_500);
    expect(socket().sent.filter(({ type }) => type === 'auth')).toHaveLength(3);
    expect(sockets).toHaveLength(1);
  });

  it('asks again for a topic although its token is renewed in between', async () => {
    client.open();
    follow('queues');
    await socket().accept(120_000);
    await jest.advanceTimersByTimeAsync(59_500);
    socket().say({ type: 'error', code: 'SERVICE_UNAVAILABLE', message: 'not now', topic: 'queues' });
    await jest.advanceTimersByTimeAsync(600);
    await socket().accept();
    await jest.advanceTimersByTimeAsync(2_500);
    expect(socket().sent.filter(({ type }) => type === 'subscribe')).toHaveLength(2);
  });

  it('replaces a connection that stays silent in spite of pings', async () => {
    client.open();
    await socket().accept();
    await jest.advanceTimersByTimeAsync(35_000);
    expect(socket().sent.at(-1)).toEqual({ type: 'ping' });
    await jest.advanceTimersByTimeAsync(120_000);
    expect(sockets.length).toBeGreaterThan(1);
  });

  it('tells who follows that they may not, and asks again when it is only not available', async () => {
    client.open();
    follow('ssot');
    follow('queues');
    await socket().accept();
    socket().say({ type: 'error', code: 'FORBIDDEN', message: 'no', topic: 'ssot' });
    socket().say({ type: 'error', code: 'SERVICE_UNAVAILABLE', message: 'not now', topic: 'queues' });
    await jest.advanceTimersByTimeAsync(2_500);
    expect(seen).toEqual(['FORBIDDEN']);
    expect(socket().sent.filter((frame) => 'topic' in frame && frame.topic === 'queues')).toHaveLength(2);
  });

  it('asks again for topics that it asked for too fast to be looked at', async () => {
    client.open();
    follow('ssot');
    follow('queues');
    await socket().accept();
    socket().say({ type: 'subscribed', topic: 'ssot', offset: 1, epoch: 'e', recovered: false });
    for (const message of ['too many', 'too many'])
      socket().say({ type: 'error', code: 'RATE_LIMITED', message });
    await jest.advanceTimersByTimeAsync(5_000);
    const asked = socket().sent.flatMap((frame) => (frame.type === 'subscribe' ? frame.topic : []));
    expect(asked).toEqual(['ssot', 'queues', 'queues']);
  });

  it('goes on with a topic that was followed anew, whoever says once more that the first has ended', async () => {
    client.open();
    await socket().accept();
    const end = follow('ssot');
    end();
    follow('ssot');
    end();
    socket().say({ type: 'subscribed', topic: 'ssot', offset: 4, epoch: 'e', recovered: false });
    socket().say({ type: 'event', topic: 'ssot', offset: 5, data: {} });
    expect(seen).toEqual(['new 4', 5]);
    expect(socket().sent.at(-1)).toEqual({ type: 'subscribe', topic: 'ssot' });
  });

  it('gives events one by one until the loop is left', async () => {
    client.open();
    const loop = (async () => {
      const offsets: number[] = [];
      for await (const event of client.events('ssot')) {
        offsets.push(event.offset);
        if (offsets.length === 2) break;
      }
      return offsets;
    })();
    await socket().accept();
    socket().say({ type: 'subscribed', topic: 'ssot', offset: 0, epoch: 'e', recovered: false });
    for (const offset of [1, 2, 3]) socket().say({ type: 'event', topic: 'ssot', offset, data: {} });
    expect(await loop).toEqual([1, 2]);
    expect(socket().sent.at(-1)).toEqual({ type: 'unsubscribe', topic: 'ssot' });
  });
});
