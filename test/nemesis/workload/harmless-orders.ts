import { randomUUID } from 'node:crypto';
import { order, type OrderMaker } from './order-maker';
import { CLEAR_QUEUE } from './parked-queues';

/** What would be cleared is shown. */
export function previewOrders(): OrderMaker {
  return {
    as: 'admin',
    make: (client) =>
      Promise.resolve(
        order({
          client,
          keyed: false,
          kind: 'preview',
          action: 'queue.clear',
          payload: { queue: CLEAR_QUEUE },
          options: { dry_run: true },
        }),
      ),
  };
}

/** Somebody who may only look wants to retry a job. */
export function forbiddenOrders(): OrderMaker {
  return {
    as: 'readonly',
    make: (client) =>
      Promise.resolve(
        order({
          client,
          keyed: false,
          kind: 'denial',
          action: 'job.retry',
          payload: { job_id: randomUUID() },
          refusals: ['FORBIDDEN'],
        }),
      ),
  };
}

/** A request is malformed. */
export function malformedOrders(): OrderMaker {
  return {
    as: 'admin',
    make: (client) =>
      Promise.resolve(
        order({
          client,
          keyed: false,
          kind: 'denial',
          action: 'job.retry',
          payload: { job_id: 17 },
          refusals: ['VALIDATION_ERROR'],
        }),
      ),
  };
}
