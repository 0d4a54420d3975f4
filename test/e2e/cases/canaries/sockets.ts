import { WebSocket } from 'ws';
import type { Watch } from '../../../support/canaries/watch';
import { jwt } from '../../../support/canaries/secrets';
import { eventually } from '../../../support/eventually';
import { WsClient } from '../../../support/ws-client';

/** Whatever a client of the gateway sends. */
export function socketsWithSecrets(watching: () => Watch): void {
  let watch: Watch;
  beforeAll(() => {
    watch = watching();
  });
  const plant = (...args: Parameters<Watch['canaries']['plant']>) => watch.canaries.plant(...args);

  it('of handshakes', async () => {
    const url = watch.cluster.wsUrl();
    const attempts: [string, string[], Record<string, string>][] = [
      [`${url}/?token=${plant('a query of a handshake')}`, [], {}],
      [`${url}/${plant('a path of a handshake')}`, [], {}],
      [url, [plant('a sub-protocol')], {}],
      [url, ['access_token', plant('a token as sub-protocol', jwt())], {}],
      [url, [], { authorization: `Bearer ${plant('an authorization of a handshake')}` }],
      [url, [], { origin: `https://${plant('an origin of a handshake')}.test` }],
      [url, [], { cookie: `session=${plant('a cookie of a handshake')}` }],
      [url, [], { 'user-agent': `token=${plant('a user agent of a handshake')}` }],
    ];
    for (const [address, protocols, headers] of attempts) {
      const socket = new WebSocket(address, protocols, { headers });
      await new Promise<void>((resolve) => {
        socket.once('open', () => socket.close());
        socket.once('close', () => resolve());
        socket.once('error', () => undefined);
      });
    }
  });

  it('of messages', async () => {
    const { token } = watch.user;
    const frames: object[] = [
      { type: 'auth', token: plant('a token of a message') },
      { type: 'auth', token: plant('a token of the right form of a message', jwt()) },
      { type: 'auth', ticket: plant('a ticket') },
      { type: 'auth', token: { secret: plant('a token that is an object') } },
      { type: plant('a type of a message') },
      { type: 'subscribe', topic: 'jobs', password: plant('an unknown field of a message') },
      { type: 'subscribe', topic: 'logs', filter: { q: plant('a filter of the log'), level: 'info' } },
      { type: 'subscribe', topic: 'logs', filter: { level: plant('a level of the log') } },
      { type: 'subscribe', topic: 'jobs', since: { offset: 1, epoch: plant('an epoch') } },
    ];
    const home = /^frames of .* at a subscriber/;
    const topics = [`job:${plant('a job as a topic', undefined, home)}`, plant('a topic', undefined, home)];
    for (const [index, frame] of frames.entries()) {
      for (const signedIn of [false, true]) {
        const socket = signedIn
          ? await WsClient.connect(watch.cluster.wsUrl(index % 2), token ?? '')
          : await WsClient.open(watch.cluster.wsUrl(index % 2));
        watch.keep(`a sender (${index})`, socket);
        socket.send(frame);
        socket.send({ type: 'ping' });
        await answered(socket);
        await socket.close();
      }
    }
    const subscriber = await WsClient.connect(watch.cluster.wsUrl(), token ?? '');
    watch.keep('a subscriber', subscriber);
    for (const topic of topics) await expect(subscriber.subscribe(topic)).rejects.toThrow();
  });
}

/** Resolves when there is an answer, if only that the connection is closed. */
function answered(socket: WsClient): Promise<void> {
  return eventually(() =>
    expect(
      socket.closed ?? socket.frames.find(({ type }) => type === 'error' || type === 'pong'),
    ).toBeDefined(),
  );
}
