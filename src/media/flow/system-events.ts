import { v7 as uuidv7 } from 'uuid';
import type { Tx } from '../../platform/postgres/db';

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
export function recordEvent(tx: Tx, event: SystemEvent): Promise<void> {
  return recordEvents(tx, [event]);
}

/** Stores many events at once, in the caller's transaction. */
export async function recordEvents(tx: Tx, events: readonly SystemEvent[]): Promise<void> {
  if (events.length === 0) return;
  await tx.execute(
    `INSERT INTO system_events (id, level, source, event, message, data, job_id, trace_id)
     SELECT id, level, 'flow', event, message, data::jsonb, job_id, trace_id
       FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::text[])
         AS e (id, level, event, message, data, job_id, trace_id)`,
    [
      events.map(() => uuidv7()),
      events.map((event) => event.level),
      events.map((event) => event.event),
      events.map((event) => event.message),
      events.map((event) => (event.data ? JSON.stringify(event.data) : null)),
      events.map((event) => event.jobId ?? null),
      events.map((event) => event.traceId ?? null),
    ],
  );
}
