import { randomUUID } from 'node:crypto';
import type { JobStock } from './job-stock';
import { order, type OrderMaker } from './order-maker';
import { CANCEL_QUEUE } from './parked-queues';

/** A failed job is queued again: its attempt is raised, in one transaction with the record. */
export function retryOrders(stock: JobStock): OrderMaker {
  return {
    as: 'admin',
    make: async (client) => {
      const job = await stock.take({ status: 'failed', agent: 'inspector' });
      return order({
        client,
        action: 'job.retry',
        payload: { job_id: job, from: 'failed_step' },
        effects: [{ what: 'attempt', target: job }],
      });
    },
  };
}

/** Maintenance mode becomes the opposite: done twice it would be as before, with two versions of the settings. */
export function toggleOrders(): OrderMaker {
  return {
    as: 'admin',
    make: (client) => {
      const key = randomUUID();
      return Promise.resolve(
        order({
          key,
          client,
          action: 'system.maintenance_mode_toggle',
          options: { confirm: 'system.maintenance_mode_toggle', reason: key },
          effects: [{ what: 'settings', target: key }],
        }),
      );
    },
  };
}

/**
 * A waiting job is cancelled: not in one transaction with the record. After a crash in between, the second try finds
 * the job cancelled and may say so.
 */
export function cancelOrders(stock: JobStock): OrderMaker {
  return {
    as: 'admin',
    make: async (client) => {
      const job = await stock.take({ status: 'queued', agent: CANCEL_QUEUE });
      return order({
        client,
        action: 'job.cancel',
        payload: { job_id: job },
        effects: [{ what: 'cancelled', target: job }],
        refusals: ['INVALID_JOB_STATE'],
      });
    },
  };
}

/** A queue that only one client switches is paused and resumed in turn: what comes late shows. */
export function switchOrders(queue: string): OrderMaker {
  let paused = false;
  return {
    as: 'admin',
    make: (client) => {
      paused = !paused;
      return Promise.resolve(
        order({
          client,
          action: paused ? 'queue.pause' : 'queue.resume',
          payload: { queue },
          effects: [{ what: paused ? 'paused' : 'running', target: queue }],
        }),
      );
    },
  };
}
