import { WebSocket } from 'ws';
import { nodeGatewayClient } from '../../src/gateway/client/node-client';
import type { Position } from '../../src/gateway/protocol';
import type { LiveFeed } from '../../src/platform/feed/live-feed';
import { eventually } from '../support/eventually';
import { closeOf, GatewayTest } from './gateway-support';
import type { Person, ReadProcess, ReadsideTest } from './readside-support';

describe('coming back to the gateway', () => {
  let gateway: GatewayTest;
  let test: ReadsideTest;
  let a: ReadProcess;
  let b: ReadProcess;
  let admin: Person;
  let feed: LiveFeed;

  beforeAll(async () => {
    gateway = await GatewayTest.start();
    ({ readside: test, a, b, admin, feed } = gateway);
  });

  afterEach(() => gateway.endOfTest());

  afterAll(() => test.close());

  describe('resume', () => {
    const HISTORY = 1_000;

    /** A topic that has seen `published` events; `process` b may have nobody that follows it. */
    async function history(published: number): Promise<{ topic: string; at: Position }> {
      const topic = await gateway.addJob();
      await gateway.publish(topic, 1, published);
      return { topic, at: await feed.position(topic) };
    }

    it.each<[string, number, (at: Position) => Position, number, boolean]>([
      ['2 missed', 10, (at) => ({ ...at, offset: 8 }), 2, true],
      ['nothing missed', 10, (at) => ({ ...at }), 0, true],
      ['all of a short history', 4, (at) => ({ ...at, offset: 0 }), 4, true],
      ['the history does not reach back', HISTORY + 200, (at) => ({ ...at, offset: 8 }), 0, false],
      ['a place that was never reached', 10, (at) => ({ ...at, offset: 108 }), 0, false],
      ['another epoch', 10, () => ({ offset: 8, epoch: 'another' }), 0, false],
      ['another epoch, same offset', 10, (at) => ({ ...at, epoch: 'another' }), 0, false],
    ])('%s', async (_name, published, since, missed, recovered) => {
      const { topic, at } = await history(published);
      for (const process of [a, b]) {
        const client = await gateway.signedIn(process);
        const from = since(at);
        const answer = await client.subscribe(topic, from);
        expect(answer).toMatchObject({ recovered, ...(recovered ? from : at) });
        await gateway.publish(topic, 99, 99);
        at.offset += 1;
        // What it missed, and what comes next, without a gap in between.
        await eventually(() => expect(client.events(topic).at(-1)?.offset).toBe(at.offset));
        const first = recovered ? from.offset + 1 : at.offset;
        expect(client.events(topic).map((event) => event.offset)).toEqual(
          Array.from({ length: at.offset - first + 1 }, (_, n) => first + n),
        );
        if (recovered && process === a) expect(client.events(topic).length - 1).toBe(missed);
      }
    });

    it('goes on after the history has expired if nothing was missed, and not otherwise', async () => {
      const { topic, at } = await history(10);
      await test.redis.client.del(`${test.redis.prefix}:feed:${topic}:events`);
      const client = await gateway.signedIn(b);
      expect(await client.subscribe(topic, at)).toMatchObject({ recovered: true });
      expect(await client.subscribe(topic, { ...at, offset: 8 })).toMatchObject({ recovered: false });
    });

    it('asks for permission again', async () => {
      const owner = await test.person(a, 'user');
      const stranger = await gateway.signedIn(b, await test.person(a, 'user'));
      const topic = await gateway.addJob(owner.id);
      await gateway.publish(topic, 1, 3);
      stranger.send({ type: 'subscribe', topic, since: { ...(await feed.position(topic)), offset: 0 } });
      expect(await stranger.waitFor((frame) => frame.type === 'error')).toMatchObject({
        code: 'JOB_NOT_FOUND',
      });
      expect(stranger.events(topic)).toHaveLength(0);
    });

    it('tells followers when the history is lost under them', async () => {
      const { topic, at } = await history(5);
      const client = await gateway.signedIn(b);
      await client.subscribe(topic, at);
      const keys = await test.redis.client.keys(`${test.redis.prefix}:feed:${topic}:*`);
      await test.redis.client.del(...keys);
      await gateway.publish(topic, 1, 2);
      const again = await client.waitFor((frame) => frame.type === 'subscribed' && frame.epoch !== at.epoch);
      expect(again.recovered).toBe(false);
      await gateway.publish(topic, 3, 3);
      await eventually(() => expect(client.events(topic).at(-1)?.data).toMatchObject({ n: 3 }));
    });

    it('makes good what pub/sub loses', async () => {
      const { topic, at } = await history(1);
      const client = await gateway.signedIn(a);
      await client.subscribe(topic, at);
      const keys = ['meta', 'events'].map((part) => `${test.redis.prefix}:feed:${topic}:${part}`);
      // Three events that were written, but whose announcement was lost.
      for (let n = 2; n <= 4; n++) {
        const offset = await test.redis.client.hincrby(keys[0] ?? '', 'offset', 1);
        await test.redis.client.xadd(
          keys[1] ?? '',
          `${offset}-1`,
          'd',
          JSON.stringify({ kind: 'progress', n }),
        );
      }
      await gateway.publish(topic, 5, 5);
      await eventually(() =>
        expect(client.events(topic).map((event) => event.data?.['n'])).toEqual([2, 3, 4, 5]),
      );
      expect(client.frames.filter((frame) => frame.type === 'subscribed')).toHaveLength(1);
    });

    it('has no gap and no repeat for a client that is cut 50 times on two processes', async () => {
      const topic = await gateway.addJob();
      const total = 100_000;
      const atOnce = 50;
      const seen: number[] = [];
      let turns = 0;
      const begins: boolean[] = [];
      const sockets: WebSocket[] = [];
      const client = nodeGatewayClient({
        url: 'either',
        token: () => admin.token,
      });
      // Each connection goes to the other process.
      client['options'].connect = () => {
        const socket = new WebSocket(turns++ % 2 ? b.wsUrl : a.wsUrl);
        sockets.push(socket);
        return socket;
      };
      client['backoff'].next = () => 1;
      let progress = () => undefined as void;
      client.open().follow(topic, {
        event: ({ data }) => {
          seen.push((data as { n: number }).n);
          progress();
        },
        begin: (_position, recovered) => begins.push(recovered),
      });
      await eventually(() => expect(begins).toHaveLength(1));
      let published = 0;
      const publishing = (async () => {
        while (published < total) {
          // Never so far ahead that the history does not reach back to where the client is.
          while (published - seen.length > HISTORY / 2)
            await new Promise<void>((resolve) => (progress = resolve));
          const next = Array.from({ length: atOnce }, () => ({ kind: 'progress', n: ++published }));
          await Promise.all(next.map((event) => feed.publish(topic, event)));
        }
      })();
      for (let cut = 1; cut <= 50; cut++) {
        // Wherever it is: still connecting, signing in, reading the history, or live.
        await eventually(() => expect(published).toBeGreaterThanOrEqual((cut * total) / 60), {
          timeoutMs: 60_000,
          intervalMs: 2,
        });
        sockets.at(-1)?.terminate();
      }
      await publishing;
      await eventually(() => expect(seen.at(-1)).toBe(total));
      expect(seen).toEqual(Array.from({ length: total }, (_, n) => n + 1));
      expect(begins.slice(1)).not.toContain(false);
      client.close();
    });
  });

  it('sends its clients elsewhere when it stops, and they lose nothing', async () => {
    const c = await test.api();
    const topic = await gateway.addJob();
    const raw = await gateway.signedIn(c);
    const seen: unknown[] = [];
    let turns = 0;
    const client = nodeGatewayClient({ url: 'either', token: () => admin.token });
    client['options'].connect = () => new WebSocket(turns++ ? b.wsUrl : c.wsUrl);
    let begun = 0;
    client
      .open()
      .follow(topic, { event: ({ data }) => seen.push((data as { n: number }).n), begin: () => begun++ });
    await eventually(() => expect(begun).toBe(1));
    await gateway.publish(topic, 1, 3);
    const stopping = test.stop(c);
    await gateway.publish(topic, 4, 6);
    expect(await closeOf(raw)).toBe(3001);
    await gateway.publish(topic, 7, 9);
    await eventually(() => expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]));
    client.close();
    await stopping;
  });
});
