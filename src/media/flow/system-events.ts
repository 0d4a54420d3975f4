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
export async function recordEvent(tx: Tx, event: SystemEvent): Promise<void> {
  await tx.execute(
    `INSERT INTO system_events (id, level, source, event, message, data, job_id, trace_id)
     VALUES ($1, $2, 'flow', $3, $4, $5, $6, $7)`,
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
