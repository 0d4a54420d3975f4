import type { Arena } from '../arena/arena';
import type { Order } from '../history';
import { atAnswer, atBarrier, atFirstStatement, CLAIMS, EFFECTS, OUTCOMES, type Trap } from './trap';

/** A moment at which a process is killed, and what a retry must find. */
export interface Moment {
  name: string;
  trap(arena: Arena): Promise<Trap>;
  /**
   * Whether of several actions only the one that came first stands there: claims go into Postgres one commit after the
   * other, and those of the others wait in the process for the first one's.
   */
  holdsOne?: boolean;
  /** What all are answered who ask again: status, and the outcomes on record. */
  ends(order: Order): { status: number; outcomes: string[] };
}

/** Nothing of it was done, or all of it. */
export const AT_ONCE = { status: 200, outcomes: ['pending', 'succeeded'] };
const TAKEN_OVER = { status: 200, outcomes: ['pending', 'unknown', 'pending', 'succeeded'] };
/** It was done, outside of the transaction of its record, and is found done by the second try. */
const FOUND_DONE = { status: 409, outcomes: ['pending', 'unknown', 'pending', 'failed'] };

/** The moments, in the order in which an action passes them. */
export const MOMENTS: readonly Moment[] = [
  {
    name: 'before the claim',
    holdsOne: true,
    trap: (arena) => atBarrier(arena, [CLAIMS], 'fail'),
    ends: () => AT_ONCE,
  },
  {
    name: 'while the claim is on its way',
    holdsOne: true,
    trap: (arena) => atBarrier(arena, [CLAIMS], 'go on'),
    ends: () => TAKEN_OVER,
  },
  {
    name: 'after the claim',
    trap: atFirstStatement,
    ends: () => TAKEN_OVER,
  },
  {
    name: 'in the handler',
    trap: (arena) => atBarrier(arena, EFFECTS, 'go on'),
    ends: () => TAKEN_OVER,
  },
  {
    name: 'after the effect',
    trap: (arena) => atBarrier(arena, [OUTCOMES], 'fail'),
    ends: (order) => (order.action === 'job.cancel' ? FOUND_DONE : TAKEN_OVER),
  },
  {
    name: 'before the answer',
    trap: atAnswer,
    ends: () => AT_ONCE,
  },
];
