import 'reflect-metadata';
import { PoolsStandIn } from '../../../../test/support/pools';
import { ScaleDownPool, ScaleDownPoolHandler } from './scale-down.action';

function scaleDown(pools: PoolsStandIn, more: Partial<ScaleDownPool> = {}) {
  const command = Object.assign(new ScaleDownPool(), { context: pools.context, ...more });
  return new ScaleDownPoolHandler(pools.scaling).execute(command);
}

describe('worker.scale_down', () => {
  it('takes from what was said, and is done when they are gone', async () => {
    const pools = new PoolsStandIn({ default: { replicas: 3 } });
    for (const name of ['worker-1', 'worker-2', 'worker-3']) pools.run(name);
    pools.onSaved = () => (pools.services = pools.services.slice(0, 1));
    expect(await scaleDown(pools, { by: 2 })).toEqual({
      pool: 'default',
      from: 3,
      to: 1,
      workers: ['worker-1'],
    });
    expect(pools.pool('default')).toMatchObject({ replicas: 1 });
  });

  it('refuses to go below the fewest', async () => {
    const pools = new PoolsStandIn({ default: { replicas: 2, min: 2 } });
    await expect(scaleDown(pools)).rejects.toMatchObject({
      code: 'POOL_LIMIT_REACHED',
      message: 'It would have 1 workers; it may have from 2 to 32.',
    });
    expect(pools.pool('default')).toMatchObject({ replicas: 2 });
  });
});
