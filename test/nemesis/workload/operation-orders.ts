import { randomUUID } from 'node:crypto';
import type { Random } from '../random';
import type { JobStock } from './job-stock';
import { order, type OrderMaker } from './order-maker';
import { CLEAR_QUEUE } from './parked-queues';

/** Jobs that a clearing finds. */
const JOBS_PER_CLEARING = 5;

/** Some wait for the end, some for a moment, some not at all. */
function waiting(random: Random): { wait_ms: number } {
  return { wait_ms: random.pick([0, 200, 4_000]) };
}

/** Failed jobs are exported into a file, in the background. */
export function exportOrders(): OrderMaker {
  return {
    as: 'admin',
    make: (client, random) => {
      const key = randomUUID();
      return Promise.resolve(
        order({
          key,
          client,
          action: 'job.export',
          payload: { filter: { status: ['failed'], limit: 50 }, format: 'csv' },
          options: waiting(random),
          effects: [{ what: 'exported', target: key }],
        }),
      );
    },
  };
}

/** A queue is cleared, in the background: each job in it is cancelled. */
export function clearingOrders(stock: JobStock): OrderMaker {
  return {
    as: 'admin',
    make: async (client, random) => {
      const jobs = await stock.make({ status: 'queued', agent: CLEAR_QUEUE }, JOBS_PER_CLEARING);
      return order({
        client,
        action: 'queue.clear',
        payload: { queue: CLEAR_QUEUE },
        options: waiting(random),
        effects: jobs.map((target) => ({ what: 'cancelled', target })),
      });
    },
  };
}
