import { AppError } from '../../src/platform/errors/app-error';
import type { RedisService } from '../../src/platform/redis/redis.service';
import type { RuntimeSettings } from '../../src/platform/settings/runtime-settings';
import { Settings } from '../../src/platform/settings/settings';
import { type Attempt, Lockout } from '../../src/user-api/auth/lockout';
import { redisForTest, type TestRedis } from '../support/redis';

const settings = new Settings();
const { lockout_failures } = settings.auth;

describe('wrong passwords', () => {
  let redis: TestRedis;
  let lockout: Lockout;
  let account: string;
  let nth = 0;

  beforeAll(() => {
    redis = redisForTest();
    const service = { client: redis.client, key: (...parts: string[]) => [redis.prefix, ...parts].join(':') };
    lockout = new Lockout(
      service as unknown as RedisService,
      { current: () => settings } as unknown as RuntimeSettings,
    );
  });
  beforeEach(() => (account = `somebody${nth++}@example.test`));
  afterAll(() => redis.close());

  const from = (address: string): Promise<Attempt> => lockout.begin(account, address);
  const refused = (address: string): Promise<string> =>
    from(address).then(
      () => 'admitted',
      (error: AppError) => error.code,
    );
  /** How long each of so many guesses waits, of which none comes from the address of another. */
  async function delays(count: number): Promise<number[]> {
    const waited: number[] = [];
    for (let i = 0; i < count; i++) {
      const attempt = await from(`192.0.2.${i}`);
      waited.push(attempt.delayMs);
      await lockout.failed(attempt);
    }
    return waited;
  }

  it('slow down who guesses at one account from ever new addresses, and nobody else', async () => {
    expect(await delays(18)).toEqual([
      ...Array<number>(6).fill(0),
      ...[200, 400, 600, 800, 1_000, 1_200, 1_400, 1_600, 1_800, 2_000, 2_000, 2_000],
    ]);
    account = 'another@example.test';
    expect((await from('192.0.2.1')).delayMs).toBe(0);
  });

  it.each<[string, () => Promise<void>]>([
    ['the right one comes', async () => lockout.succeeded(await from('198.51.100.1'))],
    ['the account is unlocked', () => lockout.release(account)],
  ])('slow down nobody any more once %s', async (_what, end) => {
    await delays(10);
    expect((await from('198.51.100.2')).delayMs).toBeGreaterThan(0);
    await end();
    expect((await from('198.51.100.3')).delayMs).toBe(0);
  });

  it('are no more under way than may be wrong, and each that has ended makes room', async () => {
    const attempts = await Promise.all(Array.from({ length: lockout_failures }, () => from('192.0.2.1')));
    expect(await refused('192.0.2.1')).toBe('ACCOUNT_LOCKED');
    expect(await refused('192.0.2.2')).toBe('admitted');
    for (const attempt of attempts) await lockout.succeeded(attempt);
    for (let i = 0; i < 2 * lockout_failures; i++) await lockout.succeeded(await from('192.0.2.1'));
    const next = await from('192.0.2.1');
    expect(await lockout.failed(next)).toBe(false);
    expect(await refused('192.0.2.1')).toBe('admitted');
  });

  it('that a process died over do not count for ever', async () => {
    for (let i = 0; i < lockout_failures; i++) await from('192.0.2.1');
    expect(await refused('192.0.2.1')).toBe('ACCOUNT_LOCKED');
    for (const key of await redis.client.keys(`${redis.prefix}:lockout:attempts:*`))
      for (const id of await redis.client.zrange(key, 0, -1)) await redis.client.zincrby(key, -15_000, id);
    expect(await refused('192.0.2.1')).toBe('admitted');
  });

  it('leave nothing behind for ever', async () => {
    const keys = await redis.client.keys(`${redis.prefix}:*`);
    expect(keys.length).toBeGreaterThan(0);
    for (const key of keys) expect(await redis.client.pttl(key)).not.toBe(-1);
  });
});
