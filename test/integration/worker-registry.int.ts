import { type WorkerInfo, WorkerRegistry } from '../../src/fleet/workers/worker-registry';
import type { RedisService } from '../../src/platform/redis/redis.service';
import { redisForTest, type TestRedis } from '../support/redis';

describe('the registry of the workers', () => {
  let redis: TestRedis;
  let registry: WorkerRegistry;
  let seen: string;

  beforeEach(() => {
    redis = redisForTest();
    const key = (...parts: string[]) => [redis.prefix, ...parts].join(':');
    seen = key('workers', 'seen');
    registry = new WorkerRegistry({ client: redis.client, key } as RedisService);
  });
  afterEach(() => redis.close());

  const say = (id: string) => registry.say({ worker_id: id } as WorkerInfo);
  const move = async (id: string, byMs: number) => {
    await redis.client.zincrby(seen, byMs, id);
  };
  const alive = async () => (await registry.list()).map(({ worker_id }) => worker_id);

  it('has those of the last six seconds, and remembers the others as lost', async () => {
    await Promise.all(['here', 'silent', 'long gone'].map(say));
    await move('silent', -7_000);
    await move('long gone', -700_000);
    expect(await alive()).toEqual(['here']);
    expect(await registry.seen()).toMatchObject([
      { worker_id: 'here', lost: false },
      { worker_id: 'silent', lost: true },
    ]);
  });

  it("loses one after six seconds also when Redis' clock was set back by an hour meanwhile", async () => {
    await say('dead');
    await move('dead', 3_600_000);
    expect(await registry.seen()).toMatchObject([{ worker_id: 'dead', lost: false, heartbeat_age_ms: 0 }]);
    await move('dead', -7_000);
    expect(await alive()).toEqual([]);
  });
});
