import { startInstallation, type TestInstallation } from '../support/installation';
import { RedisServer } from '../support/servers';

/** With a Redis of its own: one that stands still would hold up all other tests. */
describe('while Redis stands still', () => {
  let redis: RedisServer;
  let installation: TestInstallation;

  beforeAll(async () => {
    redis = await RedisServer.create();
    installation = await startInstallation({ apis: 1, variables: { REDIS_URL: redis.url } });
  });

  afterAll(async () => {
    await installation?.close();
    await redis?.destroy();
  });

  /** Lets Redis answer nobody for as long as `ask` is under way. */
  async function withoutRedis<T>(ask: () => Promise<T>): Promise<T> {
    const { pid } = redis;
    if (pid === undefined) throw new Error('Redis does not run');
    process.kill(pid, 'SIGSTOP');
    return ask().finally(() => process.kill(pid, 'SIGCONT'));
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
