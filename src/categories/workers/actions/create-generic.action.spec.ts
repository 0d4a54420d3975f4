import 'reflect-metadata';
import { PoolsStandIn } from '../../../../test/support/pools';
import { CreateGenericPool, CreateGenericPoolHandler } from './create-generic.action';

function create(pools: PoolsStandIn, more: Partial<CreateGenericPool>) {
  const command = Object.assign(new CreateGenericPool(), { agents: ['packager'], context: pools.context });
  return new CreateGenericPoolHandler(pools.editor).execute(Object.assign(command, more));
}

describe('worker.create_generic', () => {
  it('makes a pool, with what is not given as documented', async () => {
    const pools = new PoolsStandIn();
    expect(await create(pools, { name: 'packing' })).toMatchObject({ pool: 'packing', settings_version: 1 });
    expect(pools.pool('packing')).toEqual({
      agents: ['packager'],
      concurrency: 2,
      replicas: 1,
      min: 0,
      max: 8,
    });
  });

  it.each([
    ['a pool that exists', { name: 'gpu' }, 'POOL_EXISTS'],
    ['the pool that always exists', { name: 'default' }, 'POOL_EXISTS'],
    ['an agent that does not', { name: 'new', agents: ['packager', 'nobody'] }, 'AGENT_NOT_FOUND'],
  ])('refuses %s', async (_, more, code) => {
    const pools = new PoolsStandIn({ gpu: {} });
    await expect(create(pools, more)).rejects.toMatchObject({ code });
    expect(Object.keys(pools.settings.fleet.pools)).toEqual(['gpu']);
  });
});
