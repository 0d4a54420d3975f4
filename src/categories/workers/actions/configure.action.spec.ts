import 'reflect-metadata';
import { PoolsStandIn } from '../../../../test/support/pools';
import { ClaimLost } from '../../../pipeline/executions/lease-keeper';
import { ConfigurePool, ConfigurePoolHandler } from './configure.action';

function configure(pools: PoolsStandIn, more: Partial<ConfigurePool>) {
  const command = Object.assign(new ConfigurePool(), { context: pools.context, ...more });
  return new ConfigurePoolHandler(pools.editor).execute(command);
}

describe('worker.configure', () => {
  it('changes what is given, and says which workers of the pool go by it', async () => {
    const pools = new PoolsStandIn({ gpu: { agents: ['packager'], replicas: 2 } });
    pools.run('worker-1');
    pools.run('worker-gpu-1', 'gpu');
    expect(await configure(pools, { pool: 'gpu', concurrency: 3 })).toEqual({
      pool: 'gpu',
      settings_version: 1,
      changes: [],
      workers: [{ worker_id: 'id-worker-gpu-1', acknowledged: true, error: null }],
    });
    expect(pools.pool('gpu')).toEqual({
      agents: ['packager'],
      concurrency: 3,
      replicas: 2,
      min: 0,
      max: 32,
    });
  });

  it('keeps the number of workers within new bounds, and sets none that was not set', async () => {
    const pools = new PoolsStandIn({ gpu: { replicas: 5 } });
    await configure(pools, { pool: 'gpu', max: 3 });
    expect(pools.pool('gpu')).toMatchObject({ replicas: 3, max: 3 });
    pools.kept = undefined;
    await configure(pools, { pool: 'default', min: 2 });
    expect(pools.pool('default')).toMatchObject({ replicas: null, min: 2 });
  });

  it('saves nothing once somebody else has taken it over, and nothing twice', async () => {
    const pools = new PoolsStandIn({ gpu: { concurrency: 1 } });
    pools.cannotKeep = new ClaimLost();
    await expect(configure(pools, { pool: 'gpu', concurrency: 2 })).rejects.toThrow(ClaimLost);
    expect(pools.pool('gpu')).toMatchObject({ concurrency: 1 });
    pools.cannotKeep = undefined;
    const first = await configure(pools, { pool: 'gpu', concurrency: 2 });
    expect(await configure(pools, { pool: 'gpu', concurrency: 2 })).toEqual(first);
  });

  it('refuses a pool that does not exist', async () => {
    await expect(configure(new PoolsStandIn(), { pool: 'gpu', min: 1 })).rejects.toMatchObject({
      code: 'POOL_NOT_FOUND',
    });
  });
});
