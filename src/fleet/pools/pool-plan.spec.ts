import { WorkerPool } from '../../platform/settings/fleet.settings';
import type { RuntimeService, RuntimeState } from '../runtime-driver';
import type { WorkerInfo } from '../workers/worker-registry';
import { planPool, wantedIn } from './pool-plan';

const pool = (changes: Partial<WorkerPool>): WorkerPool => ({ ...new WorkerPool(), ...changes });
const service = (name: string, state: RuntimeState = 'running') => ({ name, state }) as RuntimeService;
const worker = (name: string, steps: number, draining = false) =>
  ({ service: name, draining, active_steps: Array.from({ length: steps }) }) as unknown as WorkerInfo;

describe('how many workers a pool is to have', () => {
  it.each<[string, WorkerPool | undefined, number, number]>([
    ['what it has, if nobody said how many', pool({}), 3, 3],
    ['at most its most', pool({ max: 2 }), 3, 2],
    ['at least its fewest', pool({ min: 2 }), 0, 2],
    ['what was said', pool({ replicas: 4 }), 1, 4],
    ['none, where that was said', pool({ replicas: 0 }), 2, 0],
    ['what was said, within bounds that were changed since', pool({ replicas: 4, max: 3 }), 1, 3],
    ['none, when there is no such pool any more', undefined, 2, 0],
  ])('is %s', (_, settings, present, wanted) => expect(wantedIn(settings, present)).toBe(wanted));
});

describe('what is done about it', () => {
  it('is to start what is missing', () => {
    expect(planPool(pool({ replicas: 2 }), [service('worker-1')], [])).toMatchObject({ replicas: 2 });
  });

  it('is to let the idlest go first, and of equals the newest', () => {
    const services = [
      service('worker-1'),
      service('worker-2'),
      service('worker-3'),
      service('worker-4'),
      service('worker-5', 'backing_off'),
      service('worker-6', 'stopped'),
    ];
    const workers = [worker('worker-1', 2), worker('worker-2', 0), worker('worker-3', 0)];
    const plan = planPool(pool({ replicas: 1 }), services, [...workers, worker('worker-4', 1, true)]);
    expect(plan).toEqual({
      replicas: 1,
      first: ['worker-6', 'worker-5', 'worker-4', 'worker-3', 'worker-2', 'worker-1'],
    });
  });
});
