import type { Tx } from '../../platform/postgres/db';

/** One of many jobs. */
export interface BulkItem {
  readonly id: string;
  /** What it must still be, as {@link stateOf} says it; anything, if not given. */
  readonly state?: string;
}

/** Why a job was left alone: what it is instead, or what it is not any more. */
export type SkipReason =
  | 'not_found'
  | 'duplicate'
  | 'changed'
  | 'queued'
  | 'processing'
  | 'completed'
  | 'failed'
  | 'cancelled'
  | 'cancelling';

/** What became of one of them. `stopping`: it is done when the process of its running step is gone. */
export type BulkVerdict =
  | { readonly id: string; readonly outcome: 'done' | 'stopping' }
  | { readonly id: string; readonly outcome: 'skipped'; readonly reason: SkipReason }
  | { readonly id: string; readonly outcome: 'failed'; readonly reason: string };

/** Called in the transaction of a chunk, with what became of each, in the order in which they were given. */
export type Alongside = (tx: Tx, verdicts: readonly BulkVerdict[]) => Promise<void>;

/** What is frozen of a job: a retry or an end of it makes another one. */
export function stateOf(job: { status: string; attempt: number }): string {
  return `${job.status}:${job.attempt}`;
}

/** The same in SQL, for table `j`. */
export const STATE_SQL = `j.status || ':' || j.attempt`;

/** What is frozen of a job for the step of it that waits in a queue: another try of either makes another one. */
export function waitingStateOf(job: { attempt: number }, step: { attempt: number }): string {
  return `${job.attempt}:${step.attempt}`;
}

/** The same in SQL, for tables `j` (jobs) and `s` (steps). */
export const WAITING_STATE_SQL = `j.attempt || ':' || s.attempt`;

/**
 * Sorts the items into those to act on and those to leave alone; `refuse` says why one is, if it is, and `stateNow`
 * what its state is compared with.
 */
export function judge<J extends { id: string; status: string; attempt: number }>(
  items: readonly BulkItem[],
  jobs: readonly J[],
  refuse: (job: J) => SkipReason | undefined,
  stateNow: (job: J) => string | undefined = stateOf,
): { verdicts: BulkVerdict[]; chosen: J[] } {
  const byId = new Map(jobs.map((job) => [job.id, job]));
  const chosen: J[] = [];
  const verdicts = items.map(({ id, state }): BulkVerdict => {
    const job = byId.get(id);
    if (!job) return { id, outcome: 'skipped', reason: 'not_found' };
    if (state !== undefined && state !== stateNow(job)) return { id, outcome: 'skipped', reason: 'changed' };
    const reason = refuse(job);
    if (reason) return { id, outcome: 'skipped', reason };
    chosen.push(job);
    return { id, outcome: 'done' };
  });
  return { verdicts, chosen };
}

/** The ids of jobs, or of what is to be done with them. */
export function ids(of: readonly { id: string }[]): string[] {
  return of.map(({ id }) => id);
}
