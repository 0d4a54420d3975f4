import { randomUUID } from 'node:crypto';
import type { Order } from '../history';
import type { Random } from '../random';

/** Makes orders of one sort. */
export interface OrderMaker {
  /** Who asks: somebody who may do everything, or somebody who may only look. */
  as: 'admin' | 'readonly';
  /** Prepares what the next order acts on, and makes it. */
  make(client: number, random: Random): Promise<Order>;
}

/** An order with what is not given left empty. */
export function order(given: Pick<Order, 'action' | 'client'> & Partial<Order>): Order {
  return {
    key: randomUUID(),
    keyed: true,
    payload: {},
    options: {},
    effects: [],
    kind: 'act',
    refusals: [],
    openedAt: Date.now(),
    closedAt: null,
    ...given,
  };
}
