import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import type { ApiClient, JobView } from './api-client';
import { followJob } from './follow-job';

describe('followJob', () => {
  let gateway: WebSocketServer;
  let subscribed: () => void;

  beforeEach(async () => {
    jest.useFakeTimers({
      doNotFake: ['nextTick', 'setImmediate', 'setTimeout', 'queueMicrotask', 'performance'],
    });
    gateway = new WebSocketServer({ port: 0 });
    gateway.on('connection', (socket) =>
      socket.on('message', (text: Buffer) => {
        const { type, topic } = JSON.parse(text.toString()) as { type: string; topic?: string };
        const say = (frame: object) => socket.send(JSON.stringify(frame));
        if (type === 'auth')
          say({
            type: 'ready',
            session: 's',
            role: 'user',
            expires_at: new Date(Date.now() + 9e5).toISOString(),
          });
        // Nothing comes after it: whoever was to tell of the job's end was killed.
        if (type === 'subscribe') {
          say({ type: 'subscribed', topic, offset: 0, epoch: 'one', recovered: false });
          subscribed();
        }
      }),
    );
    await once(gateway, 'listening');
  });

  afterEach(() => {
    jest.useRealTimers();
    for (const socket of gateway.clients) socket.terminate();
    gateway.close();
  });

  it('sees the end of a job that nobody tells of, though the gateway is reached', async () => {
    const jobs: Partial<JobView>[] = [{ status: 'processing', progress: 0.5 }];
    const looked = jest.fn(() => Promise.resolve((jobs.length > 1 ? jobs.shift() : jobs[0]) as JobView));
    const api = { accessToken: 'token', request: looked } as unknown as ApiClient;
    const following = new Promise<void>((resolve) => (subscribed = resolve));
    const { port } = gateway.address() as AddressInfo;
    const end = followJob(api, `ws://127.0.0.1:${port}`, 'job', () => undefined);
    await following;
    while (looked.mock.calls.length === 0) await new Promise(setImmediate);
    jobs[0] = { status: 'completed', progress: 1 };
    jest.advanceTimersByTime(29_000);
    expect(looked).toHaveBeenCalledTimes(1);
    jest.advanceTimersByTime(1_000);
    expect(await end).toMatchObject({ status: 'completed' });
  });
});
