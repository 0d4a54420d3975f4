import { randomUUID } from 'node:crypto';
import { FeedHub } from '../../src/gateway/feed/feed-hub';
import type { Position } from '../../src/gateway/protocol';
import { LiveFeed } from '../../src/platform/feed/live-feed';
import { LiveState } from '../../src/platform/feed/live-state';
import { RedisService } from '../../src/platform/redis/redis.service';
import { bootModules, type TestApp } from '../support/app';
import { CutableWay } from '../support/cutable-way';
import { eventually } from '../support/eventually';
import { RedisServer } from '../support/servers';

/** Who follows a topic: what it began with, and the numbers of the events that it was told. */
interface Follower {
  begins: (Position & { recovered: boolean })[];
  events: number[];
}

describe('the live feed over an outage of Redis', () => {
  let redis: RedisServer;
  let way: CutableWay;
  /** A process whose way to Redis can be cut, and the connections of one that has another way. */
  let app: TestApp;
  let elsewhere: RedisService;
  let feed: LiveFeed;
  /** The gateways of both: what is followed at one, the other has not heard of. */
  let hubs: [FeedHub, FeedHub];

  beforeAll(async () => {
    redis = await RedisServer.create();
    way = await CutableWay.to(Number(new URL(redis.url).port));
    const through = new URL(redis.url);
    through.port = String(way.port);
    app = await bootModules([], { REDIS_URL: through.href });
    feed = app.get(LiveFeed);
    elsewhere = new RedisService({ ...app.env, redisUrl: redis.url });
    hubs = [
      new FeedHub(feed, app.get(LiveState)),
      new FeedHub(new LiveFeed(elsewhere), new LiveState(elsewhere)),
    ];
    for (const hub of hubs) hub.start();
  });

  afterAll(async () => {
    for (const hub of hubs ?? []) hub.stop();
    elsewhere?.onApplicationShutdown();
    await app?.close();
    way?.close();
    await redis?.destroy();
  });

  async function follow(hub: FeedHub, topic: string, since?: Position): Promise<Follower> {
    const follower: Follower = { begins: [], events: [] };
    await hub.subscribe(
      topic,
      {
        begin: (position, recovered) => follower.begins.push({ ...position, recovered }),
        receiver: {
          write: ({ frame }) => {
            const text = frame.subarray(frame.indexOf('{')).toString();
            follower.events.push((JSON.parse(text) as { data: { n: number } }).data.n);
          },
        },
        overflow: () => undefined,
      },
      since,
    );
    return follower;
  }

  async function publish(topic: string, from: number, to: number): Promise<void> {
    for (let n = from; n <= to; n++) await feed.publish(topic, { n });
  }

  const back = () => eventually(() => app.get(RedisService).client.ping());

  it('begins anew where Redis came back from a snapshot, and would give numbers a second time', async () => {
    const [followed, resumed] = [`job:${randomUUID()}`, `job:${randomUUID()}`];
    const follower = await follow(hubs[0], followed);
    await feed.position(resumed);
    for (const topic of [followed, resumed]) await publish(topic, 1, 5);
    await app.get(RedisService).client.save();
    for (const topic of [followed, resumed]) await publish(topic, 6, 10);
    await eventually(() => expect(follower.events).toHaveLength(10));
    const at = await feed.position(resumed);
    expect(at.offset).toBe(10);

    await redis.stop();
    await redis.start();
    await back();
    for (const topic of [followed, resumed]) await publish(topic, 11, 14);

    // Somebody who was there is told that something is missing, and is told what comes.
    await eventually(() => expect(follower.begins.map((begin) => begin.recovered)).toEqual([false, false]));
    expect(follower.begins[1]?.epoch).not.toBe(follower.begins[0]?.epoch);
    await publish(followed, 15, 15);
    await eventually(() => expect(follower.events.at(-1)).toBe(15));
    // So is somebody who comes back where nobody has followed the topic, with a number that was given twice.
    const late = await follow(hubs[1], resumed, { ...at, offset: 7 });
    expect(late).toMatchObject({ begins: [{ recovered: false }], events: [] });
    await publish(resumed, 15, 15);
    await eventually(() => expect(late.events).toEqual([15]));
  });

  it('begins anew where an event could not be published, for those as well who lost nothing on their side', async () => {
    const [followed, resumed] = [`job:${randomUUID()}`, `job:${randomUUID()}`];
    const follower = await follow(hubs[1], followed);
    await feed.position(resumed);
    for (const topic of [followed, resumed]) await publish(topic, 1, 3);
    const at = await feed.position(resumed);
    way.open = false;
    // Until then what is sent waits for a moment, and may arrive after all.
    await eventually(() => expect(app.get(RedisService).client.options.enableOfflineQueue).toBe(false));
    for (const topic of [followed, resumed]) await publish(topic, 4, 4);
    way.open = true;
    await back();
    // Told by itself, and not only with the next event.
    await eventually(() => expect(follower.begins.map((begin) => begin.recovered)).toEqual([false, false]));
    expect(follower.events).toEqual([1, 2, 3]);
    await publish(followed, 5, 5);
    await eventually(() => expect(follower.events).toEqual([1, 2, 3, 5]));
    const late = await follow(hubs[1], resumed, at);
    expect(late).toMatchObject({ begins: [{ recovered: false }], events: [] });
  });
});
