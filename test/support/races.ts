import { setTimeout as delay } from 'node:timers/promises';
import { StepQueues } from '../../src/media/flow/queues/step-queues';
import { persist } from '../../src/media/steps/persist';
import { StepClaims } from '../../src/media/steps/step-claims';
import type { Attempt } from '../../src/media/steps/step-settlement';
import type { TestProcess } from './processes';

/** How long a busy Postgres is waited for, in milliseconds: as a worker does. */
const PATIENCE_MS = 60_000;
/** Workers of a process. */
const WORKERS = 12;

/** What goes on beside a test until it is stopped, or has failed of itself: then stopping it throws that. */
export interface Beside {
  stop(): Promise<void>;
}

/** Calls `race` for each of the items, so many at the same time; begins no further one when one has thrown. */
export async function eachAtOnce<T>(
  items: readonly T[],
  atOnce: number,
  race: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items];
  const lane = async () => {
    try {
      for (let item = left.pop(); item !== undefined; item = left.pop()) await race(item);
    } catch (error) {
      left.length = 0;
      throw error;
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: atOnce }, lane));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

/** Does `work` over and over until it is stopped. */
export function overAndOver(work: () => Promise<unknown>): Beside {
  let over = false;
  const running = (async () => {
    while (!over) {
      await work();
      await delay(5);
    }
  })();
  running.catch(() => undefined); // thrown by stop
  return {
    stop: () => {
      over = true;
      return running;
    },
  };
}

/** Workers of a process that take the inspector's steps as they come, until they are stopped and none is left. */
export function takers(
  process: TestProcess,
  work: (attempt: Attempt) => Promise<unknown>,
): Beside & {
  /** How often they could claim each step, by its id. */
  claims: ReadonlyMap<string, number>;
} {
  const claims = new Map<string, number>();
  let over = false;
  const taker = async () => {
    for (;;) {
      const ticket = await process.get(StepQueues).take(['inspector']);
      if (!ticket) {
        if (over) return;
        await delay(2);
        continue;
      }
      const { step_id, job_id, attempt } = ticket.data;
      const claim = await persist(() => process.get(StepClaims).claim(ticket.data, 'worker'), PATIENCE_MS);
      await ticket.moveToCompleted('', true, true);
      if (!claim) continue;
      claims.set(step_id, (claims.get(step_id) ?? 0) + 1);
      await persist(() => work({ jobId: job_id, stepId: step_id, attempt }), PATIENCE_MS);
    }
  };
  const running = Promise.all(Array.from({ length: WORKERS }, taker));
  running.catch(() => undefined); // thrown by stop
  return {
    claims,
    stop: async () => {
      over = true;
      await running;
    },
  };
}
