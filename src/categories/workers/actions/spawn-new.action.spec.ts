import 'reflect-metadata';
import { PoolsStandIn } from '../../../../test/support/pools';
import { ClaimLost } from '../../../pipeline/executions/lease-keeper';
import { SpawnWorker, SpawnWorkerHandler } from './spawn-new.action';

function spawn(pools: PoolsStandIn, more: Partial<SpawnWorker> = {}) {
  const command = Object.assign(new SpawnWorker(), { context: pools.context, ...more });
  return new SpawnWorkerHandler(pools.scaling).execute(command);
}

describe('worker.spawn_new', () => {
  it('starts one under its name, and has the settings say one more', async () => {
    const pools = new PoolsStandIn({ gpu: { replicas: 1 } });
    pools.run('worker-gpu-1', 'gpu');
    expect(await spawn(pools, { pool: 'gpu', name: 'painter' })).toEqual({
      pool: 'gpu',
      service: 'painter',
      pid: 7,
      replicas: 2,
    });
    expect(pools.pool('gpu')).toMatchObject({ replicas: 2 });
  });

  it('takes the next number without a name, and leaves alone what settings do not say', async () => {
    const pools = new PoolsStandIn();
    pools.run('worker-1');
    expect(await spawn(pools)).toMatchObject({ service: 'worker-2', replicas: null });
    expect(pools.pool('default')).toBeUndefined();
  });

  it.each([
    ['a name', { name: 'painter' }, 'painter'],
    ['none', {}, 'worker-2'],
  ])(
    'with %s, done again after the answer of the driver was lost, is the same worker',
    async (_, more, name) => {
      const pools = new PoolsStandIn({ default: { replicas: 1 } });
      pools.run('worker-1');
      pools.answersLost = true;
      await expect(spawn(pools, more)).rejects.toMatchObject({ code: 'RUNTIME_UNAVAILABLE' });
      pools.answersLost = false;
      const spawned = { pool: 'default', service: name, pid: 7, replicas: 2 };
      expect(await spawn(pools, more)).toEqual(spawned);
      expect(await spawn(pools, more)).toEqual(spawned);
      expect(pools.services.map((service) => service.name)).toEqual(['worker-1', name]);
      expect(pools.pool('default')).toMatchObject({ replicas: 2 });
    },
  );

  it('that somebody else has taken over starts nothing, and counts nothing', async () => {
    const pools = new PoolsStandIn({ default: { replicas: 1 } });
    pools.cannotKeep = new ClaimLost();
    await expect(spawn(pools)).rejects.toThrow(ClaimLost);
    expect(pools.services).toEqual([]);
    pools.kept = { service: 'worker-1' };
    await expect(spawn(pools)).rejects.toThrow(ClaimLost);
    expect(pools.pool('default')).toMatchObject({ replicas: 1 });
  });

  it.each([
    ['a pool that does not exist', { pool: 'gpu' }, 'POOL_NOT_FOUND'],
    ['a name that is taken', { name: 'worker-1' }, 'WORKER_EXISTS'],
    ['more than the most', { pool: 'small' }, 'POOL_LIMIT_REACHED'],
  ])('refuses %s', async (_, more, code) => {
    const pools = new PoolsStandIn({ small: { max: 0 } });
    pools.run('worker-1');
    await expect(spawn(pools, more)).rejects.toMatchObject({ code });
    expect(pools.services).toHaveLength(1);
  });
});
