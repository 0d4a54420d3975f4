import { Redis } from 'ioredis';
import { startInstallation, type TestInstallation } from '../support/installation';
import { RedisServer } from '../support/servers';

/** With a Redis of its own: one that stands still would hold up all other tests. */
describe('while Redis stands still', () => {
  let redis: RedisServer;
  let control: Redis;
  let installation: TestInstallation;

  beforeAll(async () => {
    redis = await RedisServer.create();
    control = new Redis(redis.url);
    installation = await startInstallation({ apis: 1, variables: { REDIS_URL: redis.url } });
  });

  afterAll(async () => {
    await installation?.close();
    control?.disconnect();
    await redis?.destroy();
  });

  /** Lets Redis answer nobody while `ask` is under way, and for four seconds at most. */
  async function withoutRedis<T>(ask: () => Promise<T>): Promise<T> {
    await control.call('CLIENT', 'PAUSE', '4000', 'ALL');
    return ask().finally(() => control.call('CLIENT', 'UNPAUSE'));
  }

  it('reads are counted in the process', async () => {
    const { client } = await installation.user('readonly');
    await client.get('/api/admin/action/status');
    const answer = await withoutRedis(() => client.get('/api/admin/action/status'));
    expect(answer.status).toBe(200);
  });

  it('actions are refused, with nothing done', async () => {
    const { client } = await installation.user('operator');
    await client.action('queue.resume', { queue: 'inspector' });
    const answer = await withoutRedis(() => client.action('queue.pause', { queue: 'inspector' }));
    expect([answer.status, answer.body.error_code]).toEqual([503, 'SERVICE_UNAVAILABLE']);
    expect(
      await installation.database.query(`SELECT FROM queues WHERE name = 'inspector' AND paused`),
    ).toEqual([]);
  });
});
