import { FleetSettings, WorkerPool } from '../../platform/settings/fleet.settings';
import { agentsServed, poolsOf } from './pools';

const QUEUES = ['inspector', 'scorer', 'renderer', 'gone'];

function pools(given: Record<string, Partial<WorkerPool>>) {
  const entries = Object.entries(given).map(([name, pool]) => [name, { ...new WorkerPool(), ...pool }]);
  return poolsOf({
    ...new FleetSettings(),
    pools: Object.fromEntries(entries) as Record<string, WorkerPool>,
  });
}

describe('what a pool serves', () => {
  it('is everything, if nobody said otherwise', () => {
    expect(agentsServed('default', pools({}), QUEUES)).toEqual(QUEUES);
    expect(agentsServed('gpu', pools({ gpu: { replicas: 1 } }), QUEUES)).toEqual(QUEUES);
  });

  it('is what it names, in the order of the graph', () => {
    const two = pools({ gpu: { agents: ['renderer', 'inspector'] } });
    expect(agentsServed('gpu', two, QUEUES)).toEqual(['inspector', 'renderer']);
    expect(agentsServed('default', two, QUEUES)).toEqual(QUEUES);
  });

  it('is nothing where there is no such pool', () => {
    expect(agentsServed('gpu', pools({}), QUEUES)).toEqual([]);
  });

  it('is in the pool default also what no pool names, so that nothing is left for ever', () => {
    const two = pools({ default: { agents: ['inspector', 'scorer'] }, gpu: { agents: ['renderer'] } });
    expect(agentsServed('default', two, QUEUES)).toEqual(['inspector', 'scorer', 'gone']);
    expect(agentsServed('gpu', two, QUEUES)).toEqual(['renderer']);
  });
});
