import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { LiveFeed } from '../src/platform/feed/live-feed';
import type { RedisService } from '../src/platform/redis/redis.service';
import { Cluster } from '../test/support/cluster';
import { bareSender, type BareSender, clockMs, Crowd, type Sender } from './crowd';
import { cpuMs, figure, median, pin, quantile, quartiles } from './measure';

const COUNTS = (process.env['BENCH_SUBSCRIBERS'] ?? '1000,5000').split(',').map(Number);
const BROADCASTS = Number(process.env['BENCH_ROUNDS'] ?? 40);
const WARM_UP = 4;

/** Something that sends a message to all who have connected. */
interface Way extends Sender {
  name: string;
  /** Sends one message to all. */
  broadcast(): void;
  stop(): void;
}

/** What one broadcast came to. */
interface Broadcast {
  /** When each subscriber had it, in milliseconds from the beginning. */
  times: number[];
  /** Messages a second until the last one had it. */
  perS: number;
  /** CPU time of the sender for each message, in microseconds. */
  cpuUs: number;
}

describe('one message to many subscribers', () => {
  let cluster: Cluster;
  let feed: LiveFeed;
  let redis: Redis;
  let token: string;
  const data = {
    queue: 'clip-renderer',
    rows: Array.from({ length: 24 }, (_, n) => ({
      queue: `queue-${n}`,
      waiting: n * 977,
      active: n % 64,
      failed: n * 13,
      rate: n * 1.25,
    })),
  };

  beforeAll(async () => {
    cluster = await Cluster.start({ apis: 1, workers: 0, managers: 0, variables: { LOG_LEVEL: 'warn' } });
    token = (await cluster.user('operator')).client.token ?? '';
    redis = new Redis(cluster.environment['REDIS_URL'] ?? '');
    const prefix = cluster.environment['REDIS_PREFIX'];
    const service = { client: redis, key: (...parts: string[]) => [prefix, ...parts].join(':') };
    feed = new LiveFeed(service as unknown as RedisService);
  }, 120_000);

  afterAll(async () => {
    redis?.disconnect();
    await cluster?.stop();
  });

  /** The gateway of an api process. @param topic one of its own, so that its clients get nothing else */
  function product(name: string, topic: string, extensions?: string): Way {
    const [api] = cluster.apis;
    if (!api) throw new Error('there is no api');
    pin(api.pid);
    return {
      name,
      pid: api.pid,
      port: Number(api.variables['WS_PORT']),
      path: '/',
      hello: [JSON.stringify({ type: 'auth', token }), JSON.stringify({ type: 'subscribe', topic })],
      quiet: 2,
      ...(extensions && { extensions }),
      broadcast: () => void feed.publish(topic, data),
      stop: () => undefined,
    };
  }

  async function other(name: 'sockets' | 'socket.io'): Promise<Way> {
    const message = JSON.stringify({ type: 'event', topic: 'queues', offset: 1_000, data });
    const bare: BareSender = await bareSender(name, message);
    return { ...bare, name, broadcast: () => bare.send() };
  }

  /** Closed loop: it is over when all have the message. */
  async function broadcast(way: Way, crowd: Crowd, count: number): Promise<Broadcast> {
    const { all } = await crowd.arm(count);
    const cpu = cpuMs(way.pid);
    const sent = clockMs();
    way.broadcast();
    const times = (await all).times.map((time) => time - sent);
    const cpuUs = ((cpuMs(way.pid) - cpu) * 1_000) / count;
    return { times, perS: (count * 1_000) / Math.max(...times), cpuUs };
  }

  it.each(COUNTS)(
    '%d subscribers',
    async (count) => {
      const ways = [
        await other('sockets'),
        product('gateway', 'queues'),
        product('gateway, compressed', 'workers', 'permessage-deflate; client_max_window_bits'),
        await other('socket.io'),
      ];
      const crowds: Crowd[] = [];
      const idleKb: number[] = [];
      for (const way of ways) {
        const before = rssKb(way.pid);
        const crowd = await Crowd.start();
        await crowd.connect(way, count);
        crowds.push(crowd);
        await delay(300);
        idleKb.push((rssKb(way.pid) - before) / count);
      }
      const all = ways.map((): Broadcast[] => []);
      // In turn, broadcast by broadcast: what else the machine does meets them alike.
      for (let turn = 0; turn < WARM_UP + BROADCASTS; turn++) {
        for (const [n, way] of ways.entries()) {
          const one = await broadcast(way, crowds[n] as Crowd, count);
          if (turn >= WARM_UP) all[n]?.push(one);
        }
      }
      for (const [n, way] of ways.entries()) {
        const ours = all[n] ?? [];
        const of = (read: (one: Broadcast) => number): string => {
          const ratios = ours.map((one, turn) => read(one) / read(all[0]?.[turn] as Broadcast));
          return `${figure(median(ours.map(read)))}, ${quartiles(ratios)} of bare sockets`;
        };
        process.stderr.write(
          `${count} x ${way.name}: messages/s ${of(({ perS }) => perS)}; CPU us each ${of(({ cpuUs }) => cpuUs)}; ` +
            `p50 ms ${of(({ times }) => quantile(times, 0.5))}; p99 ms ${of(({ times }) => quantile(times, 0.99))}; ` +
            `first ms ${of(({ times }) => Math.min(...times))}; ${figure(idleKb[n] ?? 0)} KB per idle connection\n`,
        );
        crowds[n]?.leave();
        way.stop();
      }
    },
    900_000,
  );
});

/** The memory that a process holds, in KB. */
function rssKb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}
