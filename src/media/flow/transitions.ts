import type { Tx } from '../../platform/postgres/db';
import { idList, idsOf } from '../../platform/postgres/id-lists';

/** Where a job can be. */
export const JOB_STATUSES = ['queued', 'processing', 'completed', 'failed', 'cancelled'] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

/** Where a step can be. */
export const STEP_STATUSES = [
  'blocked',
  'queued',
  'processing',
  'completed',
  'failed',
  'cancelled',
  'skipped',
] as const;
export type StepStatus = (typeof STEP_STATUSES)[number];

interface Transition<S> {
  readonly from: readonly S[];
  readonly to: S;
}

/**
 * Every way in which a job changes its status. There is no other: all code that writes `jobs.status` goes
 * through {@link moveJob}.
 */
export const JOB_TRANSITIONS = {
  /** The first of its steps was claimed. */
  start: { from: ['queued'], to: 'processing' },
  complete: { from: ['processing'], to: 'completed' },
  fail: { from: ['processing'], to: 'failed' },
  cancel: { from: ['queued', 'processing'], to: 'cancelled' },
  retry: { from: ['failed', 'cancelled'], to: 'queued' },
} as const satisfies Record<string, Transition<JobStatus>>;
export type JobTransition = keyof typeof JOB_TRANSITIONS;

/** Every way in which a step changes its status; all code goes through {@link moveSteps}. */
export const STEP_TRANSITIONS = {
  /** All that it needs is there. */
  unblock: { from: ['blocked'], to: 'queued' },
  /** A worker took it. */
  claim: { from: ['queued'], to: 'processing' },
  complete: { from: ['processing'], to: 'completed' },
  /** The agent had nothing to do here; what depends on it goes on. */
  skip: { from: ['processing'], to: 'skipped' },
  /** Given back: to be tried again, released by a worker that stops, or taken from one that is lost. */
  requeue: { from: ['processing'], to: 'queued' },
  fail: { from: ['processing'], to: 'failed' },
  cancel: { from: ['blocked', 'queued', 'processing'], to: 'cancelled' },
  /** The job is retried and this step runs again, now or when what it needs is there. */
  reset: { from: ['completed', 'skipped', 'failed', 'cancelled'], to: 'queued' },
  resetBlocked: { from: ['completed', 'skipped', 'failed', 'cancelled'], to: 'blocked' },
} as const satisfies Record<string, Transition<StepStatus>>;
export type StepTransition = keyof typeof STEP_TRANSITIONS;

/** Whether nothing will happen to a job in this status by itself any more. */
export function isJobSettled(status: JobStatus): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}

/** Whether what depends on a step in this status may run. */
export function isStepDone(status: StepStatus): boolean {
  return status === 'completed' || status === 'skipped';
}

/** Which rows to move, and what else to write; `where` and `set` use `$1..` of `params`. */
export interface Change {
  where: string;
  params: readonly unknown[];
  /** Further assignments, comma-separated. */
  set?: string;
}

/** The part of a job that a transition answers with. */
export interface MovedJob {
  id: string;
  status: JobStatus;
  attempt: number;
}

/** The part of a step that a transition answers with. */
export interface MovedStep {
  id: string;
  job_id: string;
  agent: string;
  status: StepStatus;
  attempt: number;
  priority: number;
  progress: number;
  not_before: Date;
}

/** What may be alike of many. */
const ALIKE = 'agent, status, attempt, priority, progress, not_before';
const STEP_COLUMNS = `id, job_id, ${ALIKE}`;

/** Moves the job if its status allows it now; undefined if not: somebody else was first. */
export async function moveJob(tx: Tx, name: JobTransition, change: Change): Promise<MovedJob | undefined> {
  return (await moveJobs(tx, name, change))[0];
}

/** Moves those jobs of the selection whose status allows it now, and answers with them. */
export function moveJobs(tx: Tx, name: JobTransition, change: Change): Promise<MovedJob[]> {
  return move<MovedJob>(tx, 'jobs', JOB_TRANSITIONS[name], change, 'id, status, attempt');
}

/** As {@link moveJobs}, for so many that nobody wants to be told of each; their number. */
export function moveJobsUntold(tx: Tx, name: JobTransition, change: Change): Promise<number> {
  const { sql, params } = update('jobs', JOB_TRANSITIONS[name], change);
  return tx.execute(sql, params);
}

/** Moves those steps of the selection whose status allows it now, and answers with them. */
export function moveSteps(tx: Tx, name: StepTransition, change: Change): Promise<MovedStep[]> {
  return move<MovedStep>(tx, 'steps', STEP_TRANSITIONS[name], change, STEP_COLUMNS);
}

/** As {@link moveSteps}, for many, in the order of their jobs: what is alike of them is told once. */
export async function moveManySteps(tx: Tx, name: StepTransition, change: Change): Promise<MovedStep[]> {
  const { sql, params } = update('steps', STEP_TRANSITIONS[name], change);
  const rows = await tx.query<AlikeSteps<Omit<MovedStep, 'id' | 'job_id'>>>(
    `WITH moved AS (${sql} RETURNING ${STEP_COLUMNS})
     SELECT ${ALIKE}, ${stepIds('job_id')} FROM moved GROUP BY ${ALIKE}`,
    params,
  );
  return rows.flatMap(apart);
}

/** SQL for the ids of steps that are alike, and of their jobs, both in the same order; see {@link apart}. */
export function stepIds(order: 'id' | 'job_id'): string {
  return `${idList('id', order)} AS ids, ${idList('job_id', order)} AS job_ids`;
}

/** Steps that are alike, as a query with {@link stepIds} has them. */
export type AlikeSteps<T> = T & { ids: string; job_ids: string };

/** Each of them by itself. */
export function apart<T>({ ids, job_ids, ...alike }: AlikeSteps<T>): (Omit<T, 'ids' | 'job_ids'> & {
  id: string;
  job_id: string;
})[] {
  const jobIds = idsOf(job_ids);
  return idsOf(ids).map((id, index) => ({ id, job_id: jobIds[index] ?? '', ...alike }));
}

/** As {@link moveSteps}, for so many that nobody wants to be told of each; their number. */
export function moveStepsUntold(tx: Tx, name: StepTransition, change: Change): Promise<number> {
  const { sql, params } = update('steps', STEP_TRANSITIONS[name], change);
  return tx.execute(sql, params);
}

function move<T>(
  tx: Tx,
  table: 'jobs' | 'steps',
  transition: Transition<string>,
  change: Change,
  columns: string,
): Promise<T[]> {
  const { sql, params } = update(table, transition, change);
  return tx.query<T>(`${sql} RETURNING ${columns}`, params);
}

function update(
  table: 'jobs' | 'steps',
  transition: Transition<string>,
  { where, params, set }: Change,
): { sql: string; params: unknown[] } {
  const to = params.length + 1;
  const from = params.length + 2;
  return {
    sql: `UPDATE ${table} SET status = $${to}, updated_at = now()${set ? `, ${set}` : ''}
     WHERE status = ANY($${from}) AND (${where})`,
    params: [...params, transition.to, transition.from],
  };
}
