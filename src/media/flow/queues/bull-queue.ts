import type { Job, Queue } from 'bull';

/** What travels through Bull: ids only. Postgres knows the rest. */
export interface StepTicket {
  step_id: string;
  job_id: string;
  /** The attempt that a claim of this ticket begins. */
  attempt: number;
}

/**
 * A Bull queue with the parts of it that its typings leave out. We fetch by hand, because a worker takes from
 * the queues of all agents and must take nothing while it has no free slot: `Queue.process` would hold one
 * entry of each queue back from idle workers. `moveToActive` takes and locks one entry in one step.
 * The contract with Bull's version is tested in test/integration/flow-queues.int.ts.
 */
export type StepQueue = Queue<StepTicket> & {
  /** The next entry, locked for this process; null if nothing waits or the queue is paused. */
  moveToActive(): Promise<Job<StepTicket> | null>;
  /** Takes entries whose lock ran out from the active list; with maxStalledCount 0 it removes them. */
  moveUnlockedJobsToWait(): Promise<unknown>;
  /** Starts the timer that moves delayed entries on when they are due. */
  _initProcess(): Promise<unknown>;
  /** Subscribes to an event; `on` does the same, but tells nobody when it fails. */
  _registerEvent(event: string): Promise<unknown>;
};

/** The name of all entries; Bull wants one. */
export const TICKET_NAME = 'step';

/** How long Bull holds an entry for a worker that says nothing, in milliseconds. */
export const TICKET_LOCK_MS = 10_000;

/** Bull's id of the ticket: adding the same attempt again changes nothing. */
export function ticketId(stepId: string, attempt: number): string {
  return `${stepId}-${attempt}`;
}
