import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LiveFeed } from '../src/platform/feed/live-feed';
import type { RedisService } from '../src/platform/redis/redis.service';
import { Redis } from 'ioredis';
import { Cluster } from '../test/support/cluster';
import { CLIENT_CORE, cpuMs, figure, median, pin, quantile, quartiles } from './measure';

const COUNTS = (process.env['BENCH_SUBSCRIBERS'] ?? '1000,5000').split(',').map(Number);
const BROADCASTS = Number(process.env['BENCH_ROUNDS'] ?? 40);
const WARM_UP = 4;
/** Changes a second, and for how long, when the way from a commit to a subscriber is measured. */
const CHANGES_PER_S = 100;
const CHANGES_S = 10;
const WATCHERS = 50;
const QUEUES = ['inspector', 'scene-detector', 'clip-renderer', 'quality-gate', 'packager'];

/** Notes when each change of a queue is committed, in milliseconds since 1970, and tells of it. */
const COMMITS = `
CREATE TABLE bench_commits (at double precision NOT NULL);
CREATE FUNCTION bench_commit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  INSERT INTO bench_commits VALUES (extract(epoch FROM clock_timestamp()) * 1000);
  PERFORM pg_notify('bench_commits', gen_random_uuid()::text); -- of the same text, one is told per transaction
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER bench_commit AFTER INSERT OR UPDATE ON queues
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION bench_commit()`;

/** Something that sends a message to all who have connected. */
interface Way {
  name: string;
  pid: number;
  port: number;
  path: string;
  /** What a client says first, and how many frames it gets before it is ready. */
  hello: string[];
  quiet: number;
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

  /** The gateway of an api process. */
  function product(): Way {
    const [api] = cluster.apis;
    if (!api) throw new Error('there is no api');
    pin(api.pid);
    return {
      name: 'gateway',
      pid: api.pid,
      port: Number(api.variables['WS_PORT']),
      path: '/',
      hello: [
        JSON.stringify({ type: 'auth', token }),
        JSON.stringify({ type: 'subscribe', topic: 'queues' }),
      ],
      quiet: 2,
      broadcast: () => void feed.publish('queues', data),
      stop: () => undefined,
    };
  }

  async function other(name: 'sockets' | 'socket.io' | 'listen'): Promise<Way> {
    const message = JSON.stringify({ type: 'event', topic: 'queues', offset: 1_000, data });
    const child = fork(
      join(__dirname, 'fan-out-server.cjs'),
      [name, message, cluster.environment['DATABASE_URL'] ?? ''],
      {
        env: { ...process.env, NODE_ENV: 'production' },
      },
    );
    const port = (await answerOf(child)) as number;
    const pid = child.pid ?? 0;
    pin(pid);
    const io = name === 'socket.io';
    return {
      name,
      pid,
      port,
      path: io ? '/socket.io/?EIO=4&transport=websocket' : '/',
      hello: io ? ['40'] : [],
      quiet: io ? 2 : 0,
      broadcast: () => child.send({ go: true }),
      stop: () => child.disconnect(),
    };
  }

  async function crowd(way: Way, count: number): Promise<ChildProcess> {
    const child = fork(join(__dirname, 'fan-out-client.cjs'));
    await answerOf(child);
    pin(child.pid ?? 0, CLIENT_CORE);
    const { port, path, hello, quiet } = way;
    await ask(child, { connect: { port, path, hello, quiet, count } });
    return child;
  }

  /** Closed loop: it is over when all have the message. */
  async function broadcast(way: Way, child: ChildProcess, count: number): Promise<Broadcast> {
    await ask(child, { arm: count });
    const all = answerOf(child) as Promise<{ times: number[] }>;
    const cpu = cpuMs(way.pid);
    const sent = performance.timeOrigin + performance.now();
    way.broadcast();
    const times = (await all).times.map((time) => time - sent);
    const cpuUs = ((cpuMs(way.pid) - cpu) * 1_000) / count;
    return { times, perS: (count * 1_000) / Math.max(...times), cpuUs };
  }

  it.each(COUNTS)(
    '%d subscribers',
    async (count) => {
      const ways = [await other('sockets'), product(), await other('socket.io')];
      const crowds: ChildProcess[] = [];
      const idleKb: number[] = [];
      for (const way of ways) {
        const before = rssKb(way.pid);
        crowds.push(await crowd(way, count));
        await delay(300);
        idleKb.push((rssKb(way.pid) - before) / count);
      }
      const all = ways.map((): Broadcast[] => []);
      // In turn, broadcast by broadcast: what else the machine does meets them alike.
      for (let turn = 0; turn < WARM_UP + BROADCASTS; turn++) {
        for (const [n, way] of ways.entries()) {
          const one = await broadcast(way, crowds[n] as ChildProcess, count);
          if (turn >= WARM_UP) all[n]?.push(one);
        }
      }
      for (const [n, way] of ways.entries()) {
        const ours = all[n] ?? [];
        const of = (read: (one: Broadcast) => number): string => {
          const ratios = ours.map((one, turn) => read(one) / read(all[0]?.[turn] as Broadcast));
          return `${figure(median(ours.map(read)))}, ${quartiles(ratios)} of bare sockets`;
        };
        print(
          `${count} x ${way.name}: messages/s ${of(({ perS }) => perS)}; CPU us each ${of(({ cpuUs }) => cpuUs)}; ` +
            `p50 ms ${of(({ times }) => quantile(times, 0.5))}; p99 ms ${of(({ times }) => quantile(times, 0.99))}; ` +
            `first ms ${of(({ times }) => Math.min(...times))}; ${figure(idleKb[n] ?? 0)} KB per idle connection`,
        );
        crowds[n]?.disconnect();
        way.stop();
      }
    },
    900_000,
  );

  describe('a change, from its commit to the eyes of many', () => {
    beforeAll(async () => {
      await cluster.query(COMMITS);
    });

    it.each([
      { each: 'one queue', targets: QUEUES, changed: 1 },
      { each: 'all queues', targets: ['all'], changed: QUEUES.length },
    ])(
      `${CHANGES_PER_S} changes a second, by actions that change $each`,
      async ({ each, targets, changed }) => {
        const { client } = await cluster.user('operator');
        const toggle = async (queue: string, n: number): Promise<void> => {
          const json = { action: n % 2 === 0 ? 'queue.pause' : 'queue.resume', payload: { queue } };
          const { status, body } = await client.call('POST', '/api/admin/action', { json });
          if (status !== 200)
            throw new Error(`${json.action} was answered ${status}: ${JSON.stringify(body)}`);
        };
        for (const target of targets) for (let n = 0; n < 4; n++) await toggle(target, n);
        await cluster.query('TRUNCATE bench_commits');
        const [floor, gateway] = [await other('listen'), product()];
        const crowds = [await crowd(floor, WATCHERS), await crowd(gateway, WATCHERS)];
        const changes = CHANGES_PER_S * CHANGES_S;
        const seen: Promise<{ times: number[] }>[] = [];
        for (const child of crowds) {
          await ask(child, { arm: changes * WATCHERS });
          seen.push(answerOf(child) as Promise<{ times: number[] }>);
        }
        const startedAt = performance.now();
        // Each target by itself, so that no change overtakes another one of its queue.
        const turn = async (target: string, lane: number): Promise<void> => {
          for (let n = 0; n < changes / changed / targets.length; n++) {
            const due = startedAt + ((1_000 * changed) / CHANGES_PER_S) * (n * targets.length + lane);
            await delay(Math.max(0, due - performance.now()));
            await toggle(target, n);
          }
        };
        await Promise.all(targets.map(turn));
        const perS = (changes * 1_000) / (performance.now() - startedAt);
        const rows = await cluster.query<{ at: number }>('SELECT at FROM bench_commits ORDER BY at');
        const [least, ours] = (await Promise.all(seen)).map(({ times }) =>
          times.map((time, index) => time - (rows[Math.floor(index / WATCHERS)]?.at ?? Number.NaN)),
        );
        const line = (share: number): string => {
          const [floorMs, ms] = [quantile(least ?? [], share), quantile(ours ?? [], share)];
          return `p${share * 100} ${figure(ms)} ms, ${figure(ms / floorMs)} of LISTEN and one write`;
        };
        print(
          `effect to eyes at ${figure(perS)} changes/s of ${each}: ${[0.5, 0.95, 0.99].map(line).join('; ')}`,
        );
        for (const child of crowds) child.disconnect();
        floor.stop();
      },
      120_000,
    );
  });
});

function print(line: string): void {
  process.stderr.write(`${line}\n`);
}

function answerOf(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error('the process has ended'));
    child.once('exit', ended);
    child.once('message', (message) => {
      child.off('exit', ended);
      resolve(message);
    });
  });
}

function ask(child: ChildProcess, order: object): Promise<unknown> {
  const answer = answerOf(child);
  child.send(order);
  return answer;
}

/** The memory that a process holds, in KB. */
function rssKb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}
