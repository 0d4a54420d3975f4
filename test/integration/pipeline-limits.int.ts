import { Redis } from 'ioredis';
import { v7 as uuidv7 } from 'uuid';
import { type LimitPolicy, RateLimiter } from '../../src/pipeline/limits/rate-limiter';
import type { RedisService } from '../../src/platform/redis/redis.service';
import { LIMIT_KINDS } from '../../src/platform/settings/limit.settings';
import { undisturbed } from '../support/eventually';
import { newKey } from '../support/pipeline';
import { redisForTest, type TestRedis } from '../support/redis';
import { startInstallation, type TestInstallation } from '../support/installation';
import { RedisServer } from '../support/servers';
import { TEST_SETTINGS } from '../support/users';

const SECOND = 1_000_000;

/** How long a key lives, in the script. */
const LIFE = 'text(math.ceil(window * 1.25 / 1000))';

/** Redis whose clock the test sets: TIME is replaced in the script, everything else is Redis. */
class ClockedRedis {
  now = 1_700_000_000 * SECOND;
  /** Set: keys live for an hour of the real Redis' time, however little of that a window is. */
  outlives = false;

  constructor(private readonly redis: TestRedis) {}

  key(...parts: string[]): string {
    return [this.redis.prefix, ...parts].join(':');
  }

  get client(): Pick<Redis, 'eval' | 'evalsha'> {
    const run = (script: string, keys: number, ...args: (string | number)[]) =>
      this.redis.client.eval(
        script
          .replace("redis.call('TIME')", `{ '${Math.floor(this.now / SECOND)}', '${this.now % SECOND}' }`)
          .replace(LIFE, this.outlives ? '3600000' : LIFE),
        keys,
        ...args,
      );
    // It knows no script, so that it is sent each in full.
    const evalsha = () => Promise.reject(new Error('NOSCRIPT'));
    return { eval: run as unknown as Redis['eval'], evalsha: evalsha };
  }
}

/** A sequence of numbers from 0 to 1 that a seed repeats. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** What a limit of each kind means, in whole numbers and so exactly; times in microseconds. */
interface Reference {
  /** How many could be taken at that time. */
  free(now: number): number;
  take(now: number, cost: number): void;
}

const REFERENCES: Record<LimitPolicy['kind'], (limit: number, window: number) => Reference> = {
  sliding: (limit, window) => {
    let log: number[] = [];
    return {
      free: (now) => limit - (log = log.filter((at) => at > now - window)).length,
      take: (now, cost) => log.push(...Array<number>(cost).fill(now)),
    };
  },
  bucket: (limit, window) => {
    // In shares of a request, of which a whole one has as many as the window has microseconds.
    let [shares, at] = [limit * window, 0];
    const refill = (now: number) => {
      shares = Math.min(limit * window, shares + (now - at) * limit);
      at = now;
    };
    return {
      free: (now) => (refill(now), Math.floor(shares / window)),
      take: (_now, cost) => (shares -= cost * window),
    };
  },
  fixed: (limit, window) => {
    let [used, until] = [0, 0];
    const begin = (now: number) => {
      if (until <= now) [used, until] = [0, now + window];
    };
    return {
      free: (now) => (until <= now ? limit : limit - used),
      take: (now, cost) => (begin(now), (used += cost)),
    };
  },
};

const policy = (kind: LimitPolicy['kind'], limit: number, windowS: number, key: string): LimitPolicy => ({
  name: kind,
  kind,
  key: [key],
  limit,
  windowS,
});

describe('the rate limiter', () => {
  let redis: TestRedis;
  let clock: ClockedRedis;
  let limiter: RateLimiter;

  beforeAll(() => {
    redis = redisForTest();
    clock = new ClockedRedis(redis);
    limiter = new RateLimiter(clock as unknown as RedisService);
  });
  afterAll(() => redis.close());

  const seed = Date.now() % 1_000_000;

  describe.each(LIMIT_KINDS)('%s', (kind) => {
    // On a busy machine a second of the test's time may be longer than that of the real clock.
    beforeEach(() => (clock.outlives = true));
    afterEach(() => (clock.outlives = false));

    it.each([
      ['', false],
      [' with costs', true],
    ])(`decides as its meaning does, at random times%s (seed ${seed})`, async (_what, costs) => {
      const random = randomNumbers(seed);
      const upTo = (most: number) => 1 + Math.floor(random() * most);
      for (let round = 0; round < 20; round++) {
        const [limit, windowS] = [upTo(7), upTo(5)];
        const reference = REFERENCES[kind](limit, windowS * SECOND);
        for (let step = 0; step < 60; step++) {
          // Often just at, before or after a moment that something happens at.
          const pause = random() < 0.5 ? random() * SECOND : ((windowS * SECOND) / limit) * upTo(2);
          clock.now += Math.max(0, Math.round(pause) + upTo(3) - 2);
          const cost = costs ? upTo(limit) : 1;
          const one = {
            ...policy(kind, limit, windowS, `${kind}${costs}${round}`),
            ...(costs ? { cost } : {}),
          };
          const expected = reference.free(clock.now) >= cost;
          const verdict = await limiter.consume([one]);
          expect([round, step, verdict.violated === undefined]).toEqual([round, step, expected]);
          if (expected) reference.take(clock.now, cost);
          expect([round, step, verdict.states[0]?.remaining]).toEqual([
            round,
            step,
            reference.free(clock.now),
          ]);
        }
      }
    });

    it('never asks to wait in vain, nor for longer than it must', async () => {
      const random = randomNumbers(seed);
      for (let round = 0; round < 10; round++) {
        const one = policy(kind, 3, 10, `${kind} wait ${round}`);
        for (let i = 0; i < 3; i++) {
          clock.now += Math.floor(random() * SECOND);
          await limiter.consume([one]);
        }
        const refused = await limiter.consume([one]);
        if (!refused.violated) continue;
        // It is told in whole seconds, rounded up.
        clock.now += (refused.retryAfterS - 1) * SECOND;
        expect((await limiter.consume([one])).violated).toBeDefined();
        clock.now += SECOND;
        expect((await limiter.consume([one])).violated).toBeUndefined();
      }
    });
  });

  it('lets a burst pass at the border of fixed windows, and of none other', async () => {
    const around = async (kind: LimitPolicy['kind']): Promise<number> => {
      const one = policy(kind, 10, 10, `border ${kind}`);
      let admitted = 0;
      const take = async (): Promise<void> => {
        if (!(await limiter.consume([one])).violated) admitted++;
      };
      await take();
      clock.now += 9.9 * SECOND;
      for (let i = 0; i < 20; i++) await take();
      clock.now += 0.2 * SECOND;
      for (let i = 0; i < 20; i++) await take();
      return admitted - 1;
    };
    expect(await around('fixed')).toBe(19);
    expect(await around('sliding')).toBe(10);
    expect(await around('bucket')).toBe(10);
  });

  it.each(
    LIMIT_KINDS.flatMap((kind) => [
      [kind, undefined],
      [kind, 1],
    ]) as [LimitPolicy['kind'], number | undefined][],
  )('%s (cost %s): nobody waits longer than a window when the clock was set back', async (kind, cost) => {
    const one = { ...policy(kind, 1, 10, `back ${kind} ${cost}`), cost };
    await limiter.consume([one]);
    clock.now -= 300 * SECOND;
    const { retryAfterS } = await limiter.consume([one]);
    expect(retryAfterS).toBeLessThanOrEqual(10);
    clock.now += 10 * SECOND;
    expect((await limiter.consume([one])).violated).toBeUndefined();
    clock.now += 300 * SECOND;
  });

  it('counts for whom it says, whatever the parts are made of', async () => {
    const keys = [['a:b', 'c'], ['a', 'b:c'], ['a', 'b', 'c'], ['{a}', 'b'], ['a b'], ['a%3Ab', 'c'], ['*']];
    for (const key of keys)
      expect((await limiter.consume([{ ...policy('fixed', 1, 60, ''), key }])).violated).toBeUndefined();
  });

  it('admits again after exactly the time that it names, and not before', async () => {
    const one = policy('sliding', 2, 10, 'retry');
    await limiter.consume([one]);
    clock.now += 1.5 * SECOND;
    await limiter.consume([one]);
    const refused = await limiter.consume([one]);
    expect(refused.retryAfterS).toBe(9);
    clock.now += 8.4 * SECOND;
    expect((await limiter.consume([one])).violated).toBeDefined();
    clock.now += 0.6 * SECOND;
    expect((await limiter.consume([one])).violated).toBeUndefined();
  });

  it('gives a bucket its capacity at once, then its rate, and never more than its capacity', async () => {
    const one = policy('bucket', 4, 8, 'bucket');
    const taken = async (): Promise<number> => {
      let count = 0;
      while (!(await limiter.consume([one])).violated) count++;
      return count;
    };
    expect(await taken()).toBe(4);
    clock.now += 6 * SECOND;
    expect(await taken()).toBe(3);
    clock.now += 3_600 * SECOND;
    expect(await taken()).toBe(4);
  });

  it('counts a fixed window from its first request', async () => {
    const one = policy('fixed', 2, 60, 'fixed');
    expect((await limiter.consume([one])).states[0]?.remaining).toBe(1);
    expect((await limiter.consume([one])).violated).toBeUndefined();
    const refused = await limiter.consume([one]);
    expect(refused.violated).toEqual(one);
    expect(refused.retryAfterS).toBeLessThanOrEqual(60);
  });

  it('counts nothing at all if one of several policies refuses', async () => {
    const wide = policy('sliding', 10, 60, 'wide');
    const narrow = policy('sliding', 1, 60, 'narrow');
    await limiter.consume([wide, narrow]);
    const refused = await limiter.consume([wide, narrow]);
    expect(refused.violated).toEqual(narrow);
    expect((await limiter.peek([wide])).states[0]?.remaining).toBe(9);
  });

  it('asks to wait for all of the policies that refuse', async () => {
    const [short, long] = [policy('sliding', 1, 10, 'short'), policy('sliding', 1, 60, 'long')];
    await limiter.consume([short, long]);
    for (const policies of [
      [short, long],
      [long, short],
    ]) {
      const refused = await limiter.consume(policies);
      expect([refused.violated, refused.retryAfterS]).toEqual([policies[0], 60]);
    }
  });

  it('counts a request of some cost as so many', async () => {
    const costing = (kind: LimitPolicy['kind'], cost: number) => ({ ...policy(kind, 10, 60, 'cost'), cost });
    for (const kind of LIMIT_KINDS) {
      expect((await limiter.consume([costing(kind, 7)])).states[0]?.remaining).toBe(3);
      const refused = await limiter.consume([policy('sliding', 9, 60, 'beside'), costing(kind, 4)]);
      expect(refused.violated).toEqual(costing(kind, 4));
      expect(refused.states.map(({ remaining }) => remaining)).toEqual([9, 3]);
      clock.now += (refused.retryAfterS - 1) * SECOND;
      expect((await limiter.consume([costing(kind, 4)])).violated).toBeDefined();
      clock.now += SECOND;
      expect((await limiter.consume([costing(kind, 4)])).violated).toBeUndefined();
    }
  });

  it.each(LIMIT_KINDS)('%s: forgets nothing of a window that settings make longer', async (kind) => {
    const ends = (key: string) =>
      redis.client.pttl(`${redis.prefix}:limit:${kind === 'sliding' ? 'log' : kind}:${key}`);
    for (const [key, limit] of [
      ['longer-admitted', 2],
      ['longer-refused', 1],
    ] as const) {
      await limiter.consume([policy(kind, limit, 60, key)]);
      expect(await ends(key)).toBeLessThanOrEqual(75_000);
      await limiter.consume([policy(kind, limit, 3_600, key)]);
      expect(await ends(key)).toBeGreaterThanOrEqual(3_600_000);
    }
  });

  it('leaves no key without an end', async () => {
    const keys = await redis.client.keys(`${redis.prefix}:*`);
    expect(keys.length).toBeGreaterThan(0);
    // -1: it stays for ever. What has ended meanwhile is gone, which is -2.
    for (const key of keys) expect(await redis.client.pttl(key)).not.toBe(-1);
  });
});

describe('the limits of actions', () => {
  /** Of its own: what happens to its scripts must not happen to those of other files. */
  let server: RedisServer;
  let installation: TestInstallation;

  beforeAll(async () => {
    server = await RedisServer.create();
    const rate_limits = {
      ...TEST_SETTINGS.rate_limits,
      actions_per_minute: 12,
      risk_standard_per_minute: 3,
      bulk_items_per_minute: 10,
    };
    installation = await startInstallation({
      redis: redisForTest(server.url),
      settings: { ...TEST_SETTINGS, rate_limits },
    });
  });
  afterAll(async () => {
    await installation?.close();
    await server?.destroy();
  });

  it('hold over both processes, and refuse no more than they must', async () => {
    const { client } = await installation.user('operator');
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        installation.at(client, i % 2).action('queue.resume', { queue: 'inspector' }),
      ),
    );
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(3);
    const refused = answers.find((answer) => answer.status === 429);
    expect(refused?.body.error).toContain('"queue.resume"');
  });

  it('are one for each action, with a total and a burst over all of them', async () => {
    // The burst has one more each two and a half seconds: on a machine that needs as long, somebody else tries.
    const names = await undisturbed(2_400, async () => {
      const { client } = await installation.user('operator');
      const seen: string[] = [];
      for (const action of ['queue.resume', 'queue.pause', 'queue.resume', 'queue.pause', 'queue.resume']) {
        const answer = await client.action(action, { queue: 'inspector' });
        seen.push(answer.status === 429 ? (/"(.*?)"/.exec(answer.body.error ?? '')?.[1] ?? '?') : 'admitted');
      }
      return seen;
    });
    // Twice the rate of 12 a minute over ten seconds: a burst of four.
    expect(names).toEqual(['admitted', 'admitted', 'admitted', 'admitted', 'burst']);
  });

  it('count what a bulk action touches', async () => {
    const { client } = await installation.user('operator');
    const cancel = async (count: number) => {
      const job_ids = Array.from({ length: count }, () => uuidv7());
      const extra = { options: { dry_run: true }, headers: newKey() };
      const { status, headers, body } = await client.action('job.bulk_cancel', { job_ids }, extra);
      const left = /"items";r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1];
      return [status, left, /"(.*?)"/.exec(body.error ?? '')?.[1]];
    };
    expect(await cancel(6)).toEqual([200, '4', undefined]);
    expect(await cancel(5)).toEqual([429, '4', 'items']);
    // Waiting would never help.
    expect(await cancel(11)).toEqual([400, undefined, undefined]);
    expect(await cancel(4)).toEqual([200, '0', undefined]);
  });

  it('are not spent by others, nor by what is denied', async () => {
    const { client } = await installation.user('readonly');
    for (let i = 0; i < 20; i++)
      expect((await client.action('queue.resume', { queue: 'inspector' })).status).toBe(403);
    const { client: operator } = await installation.user('operator');
    const answer = await operator.action('queue.resume', { queue: 'inspector' });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('ratelimit')).toMatch(
      /"actions";r=11;t=60, "burst";r=3;t=\d+, "queue.resume";r=2;t=60/,
    );
  });

  it('do not exist for actions that do not exist', async () => {
    const { client } = await installation.user('operator');
    const keys = () => installation.redis.client.keys(`${installation.redis.prefix}:limit:*`);
    await client.action('queue.resume', { queue: 'inspector' });
    const before = await keys();
    const alike = [
      'QUEUE.RESUME',
      'queue.resume ',
      'queue.resume%20',
      'queue:resume',
      'queue.resume\u200b',
      '*',
    ];
    for (const name of [...alike, ...Array.from({ length: 50 }, (_, i) => `nothing.number_${i}`)]) {
      const answer = await client.action(name, { queue: 'inspector' });
      expect([answer.status, answer.body.error_code]).toEqual([400, 'VALIDATION_ERROR']);
    }
    // Old ones may have expired meanwhile.
    expect(await keys().then((now) => now.filter((key) => !before.includes(key)))).toEqual([]);
  });

  it('hold although Redis forgets its scripts all the time', async () => {
    const { client } = await installation.user('operator');
    let flushing = true;
    const flushes = (async () => {
      while (flushing) await installation.redis.client.call('SCRIPT', 'FLUSH');
    })();
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        installation.at(client, i % 2).action('queue.resume', { queue: 'inspector' }),
      ),
    ).finally(() => (flushing = false));
    await flushes;
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(3);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(37);
  });
});
