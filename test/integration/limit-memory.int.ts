import { Redis } from 'ioredis';
import { actionPolicies } from '../../src/pipeline/limits/action-limits';
import { type LimitPolicy, RateLimiter } from '../../src/pipeline/limits/rate-limiter';
import type { RedisService } from '../../src/platform/redis/redis.service';
import { RateLimitSettings } from '../../src/platform/settings/settings';
import { RedisServer } from '../support/servers';

/** Each user's part is the same, however many there are: about 810 bytes while all keys of the users are there. */
const USERS = 10_000;
/** Requests that are under way at a time. */
const AT_ONCE = 500;
/** What limits may take in Redis for a user, in bytes: who came once within a minute, and who has used them up. */
const [ONCE, USED_UP] = [1_000, 8_000];

describe('the memory that limits take in Redis', () => {
  let server: RedisServer;
  let client: Redis;
  let limiter: RateLimiter;

  beforeAll(async () => {
    server = await RedisServer.create();
    client = new Redis(server.url);
    limiter = new RateLimiter({
      client,
      key: (...parts: string[]) => parts.join(':'),
    } as unknown as RedisService);
  });
  afterAll(async () => {
    await client?.quit();
    await server?.stop();
  });

  const usedBytes = async (): Promise<number> =>
    Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1]);
  const keyspace = async (): Promise<number[]> =>
    (/keys=(\d+),expires=(\d+),avg_ttl=(\d+)/.exec(await client.info('keyspace')) ?? []).slice(1).map(Number);
  const policiesOf = (user: number): LimitPolicy[] =>
    actionPolicies(
      `00000000-0000-7000-8000-${String(user).padStart(12, '0')}`,
      { name: 'job.cancel', risk: 'standard' },
      new RateLimitSettings(),
    );

  it(`is bounded for ${USERS} users, and every key of it ends by itself a quarter of its window after that`, async () => {
    const before = await usedBytes();
    for (let user = 0; user < USERS; user += AT_ONCE)
      await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => limiter.consume(policiesOf(user + i))));
    const [keys = 0, ending, averageMs = Infinity] = await keyspace();
    // Some of the first may have ended already: a burst has a window of ten seconds.
    expect(keys).toBeGreaterThanOrEqual(2 * USERS);
    expect(keys).toBeLessThanOrEqual(3 * USERS);
    expect(ending).toBe(keys);
    expect(averageMs).toBeLessThanOrEqual(75_000);
    const each = ((await usedBytes()) - before) / USERS;
    expect(each).toBeLessThan(ONCE);
  });

  it('is bounded for a user who tries on and on', async () => {
    // Without the bucket for bursts, which would let a few pass at a time: the logs are to be full.
    const policies = policiesOf(USERS + 1).filter(({ name }) => name !== 'burst');
    for (let n = 0; n < 2_000; n += AT_ONCE) {
      const verdicts = await Promise.all(Array.from({ length: AT_ONCE }, () => limiter.consume(policies)));
      expect(verdicts.filter(({ violated }) => violated).length).toBeGreaterThan(0);
    }
    const keys = await client.keys(`*${String(USERS + 1).padStart(12, '0')}*`);
    expect(keys).toHaveLength(2);
    let used = 0;
    for (const key of keys) used += Number(await client.memory('USAGE', key, 'SAMPLES', 0));
    expect(used).toBeLessThan(USED_UP);
  });
});
