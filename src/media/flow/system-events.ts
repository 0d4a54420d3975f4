import { v7 as uuidv7 } from 'uuid';
import type { Tx } from '../../platform/postgres/db';
import { idArray } from '../../platform/postgres/id-lists';

/** A line of the log that operators read; see table system_events. */
export interface SystemEvent {
  level: 'info' | 'warn' | 'error';
  /** What happened, as `job.created`. */
  event: string;
  /** A sentence. */
  message: string;
  data?: object;
  jobId?: string;
  traceId?: string | null;
}

/** Stores the event in the caller's transaction: it is there if and only if what it tells of is. */
export async function recordEvent(tx: Tx, event: SystemEvent): Promise<void> {
  await tx.execute(
    `INSERT INTO system_events (id, level, source, event, message, data, job_id, trace_id)
     VALUES ($1, $2, 'flow', $3, $4, $5::jsonb, $6, $7)`,
    [
      uuidv7(),
      event.level,
      event.event,
      event.message,
      event.data ? JSON.stringify(event.data) : null,
      event.jobId ?? null,
      event.traceId ?? null,
    ],
  );
}

/** What is said of each of many jobs alike. */
export interface JobsEvent extends Pick<SystemEvent, 'level' | 'event' | 'data'> {
  /** A sentence, as format() of Postgres takes it: `%1$s` is the job's id, and `%2$s` the attempt that it is in now. */
  message: string;
}

/** Stores the same event of many jobs, in the caller's transaction; what differs is taken from the jobs themselves. */
export async function recordEventOfJobs(
  tx: Tx,
  { level, event, message, data }: JobsEvent,
  jobIds: readonly string[],
): Promise<void> {
  if (jobIds.length === 0) return;
  await tx.execute(
    `INSERT INTO system_events (id, level, source, event, message, data, job_id, trace_id)
     SELECT e.id, $3, 'flow', $4, format($5, j.id, j.attempt), $6::jsonb, j.id, j.trace_id
       FROM unnest($1::uuid[], $2::uuid[]) AS e (id, job_id) JOIN jobs j ON j.id = e.job_id`,
    [
      idArray(jobIds.map(() => uuidv7())),
      idArray(jobIds),
      level,
      event,
      message,
      data ? JSON.stringify(data) : null,
    ],
  );
}
