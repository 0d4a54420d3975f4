import 'reflect-metadata';
import { PoolsStandIn } from '../../../../test/support/pools';
import { ClaimLost } from '../../../pipeline/executions/lease-keeper';
import { ScaleUpPool, ScaleUpPoolHandler } from './scale-up.action';

function scaleUp(pools: PoolsStandIn, more: Partial<ScaleUpPool> = {}) {
  const command = Object.assign(new ScaleUpPool(), { context: pools.context, ...more });
  return new ScaleUpPoolHandler(pools.scaling).execute(command);
}

describe('worker.scale_up', () => {
  it('adds to what is there, and is done when all are ready', async () => {
    const pools = new PoolsStandIn();
    pools.run('worker-1', 'default', 'stopped');
    pools.onSaved = () => void pools.run('worker-2');
    expect(await scaleUp(pools)).toEqual({
      pool: 'default',
      from: 1,
      to: 2,
      workers: ['worker-1', 'worker-2'],
    });
    expect(pools.pool('default')).toMatchObject({ replicas: 2 });
  });

  it('does not add twice when another process goes on with it', async () => {
    const pools = new PoolsStandIn({ default: { replicas: 2 } });
    pools.kept = { from: 1, to: 2, saved: true };
    for (const name of ['worker-1', 'worker-2']) pools.run(name);
    expect(await scaleUp(pools)).toMatchObject({ from: 1, to: 2 });
    expect(pools.pool('default')).toMatchObject({ replicas: 2 });
  });

  it('overwrites no newer size when it was frozen, and another process has taken it over', async () => {
    const pools = new PoolsStandIn({ default: { replicas: 7 } });
    pools.kept = { from: 1, to: 2, saved: false };
    pools.cannotKeep = new ClaimLost();
    await expect(scaleUp(pools)).rejects.toThrow(ClaimLost);
    expect(pools.pool('default')).toMatchObject({ replicas: 7 });
  });

  it('says when one does not come up, or somebody else scaled the pool again', async () => {
    const pools = new PoolsStandIn();
    pools.onSaved = () => void pools.run('worker-1', 'default', 'failed');
    await expect(scaleUp(pools)).rejects.toMatchObject({ code: 'RUNTIME_UNAVAILABLE' });
    const other = new PoolsStandIn();
    other.onSaved = () => Object.assign(other.pool('default') ?? {}, { replicas: 9 });
    await expect(scaleUp(other)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it.each([
    ['a pool that does not exist', { pool: 'gpu' }, 'POOL_NOT_FOUND'],
    ['more than its most', { by: 3 }, 'POOL_LIMIT_REACHED'],
  ])('refuses %s, and saves nothing', async (_, more, code) => {
    const pools = new PoolsStandIn({ default: { max: 2 } });
    await expect(scaleUp(pools, more)).rejects.toMatchObject({ code });
    expect(pools.pool('default')).toMatchObject({ replicas: null });
  });
});
