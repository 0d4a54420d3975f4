import { ApiProperty } from '@nestjs/swagger';

/** How a queue stands. */
export const QUEUE_STATUSES = ['running', 'paused', 'draining', 'drained'] as const;
export type QueueStatus = (typeof QUEUE_STATUSES)[number];

/** How many steps a queue has. */
export class QueueLine {
  /** Its name, which is the agent's id. @example clip-renderer */
  queue!: string;
  /**
   * `paused`: nothing is taken from it until it is resumed. `draining`: what was there goes on to its end, and what
   * comes waits until it is resumed; `drained`: nothing of the former is left. @example running
   */
  @ApiProperty({ enum: QUEUE_STATUSES })
  status!: QueueStatus;
  /** Steps that could start now, or when the queue is resumed. @example 4 */
  @ApiProperty({ type: 'integer' })
  waiting!: number;
  /** Steps that are being worked on. @example 2 */
  @ApiProperty({ type: 'integer' })
  active!: number;
  /** Steps that wait for the time of their next attempt. @example 0 */
  @ApiProperty({ type: 'integer' })
  delayed!: number;
}

/** The sums over all queues. */
export class QueueTotals {
  /** @example 11 */
  @ApiProperty({ type: 'integer' })
  queues!: number;
  /** @example 0 */
  @ApiProperty({ type: 'integer' })
  paused!: number;
  /** Draining and drained ones. @example 0 */
  @ApiProperty({ type: 'integer' })
  draining!: number;
  /** @example 4 */
  @ApiProperty({ type: 'integer' })
  waiting!: number;
  /** @example 2 */
  @ApiProperty({ type: 'integer' })
  active!: number;
  /** @example 0 */
  @ApiProperty({ type: 'integer' })
  delayed!: number;
}

/** What the three views of the queues begin with. */
export class QueueViewHead {
  /** `own`: the steps of your jobs; `all`: those of everybody, which staff see. @example own */
  @ApiProperty({ enum: ['own', 'all'] })
  scope!: 'own' | 'all';
  /** When the numbers were read. @example 2026-01-01T12:00:00.000Z */
  as_of!: string;
  /** Whether you have more than 1,000 unfinished jobs; the numbers are those of the oldest 1,000 then. @example false */
  is_partial!: boolean;
}

/** How full the queues are. */
export class QueueStatusView extends QueueViewHead {
  totals!: QueueTotals;
  /** One for each agent, in the order of the graph. */
  queues!: QueueLine[];
}

/** A step that waits. */
export class WaitingStep {
  /** @example 019aa3f1-8b01-7d22-8e3f-4a5b6c7d8e9f */
  step_id!: string;
  /** @example 019aa3f1-8b00-7a11-9c2d-3e4f5a6b7c8d */
  job_id!: string;
  /** The job's. @example Holiday 2026 */
  title!: string;
  /** 1 to 10; 1 goes first. @example 5 */
  @ApiProperty({ type: 'integer' })
  priority!: number;
  /** Which attempt it will be. @example 1 */
  @ApiProperty({ type: 'integer' })
  attempt!: number;
  /** Since when it waits. @example 2026-01-01T11:59:40.000Z */
  queued_at!: string | null;
}

/** A queue, who serves it and what comes next. */
export class QueueDetail extends QueueLine {
  /** What its agent does. @example Render clips */
  title!: string;
  /** Workers that serve it. @example 2 */
  @ApiProperty({ type: 'integer' })
  workers!: number;
  /** Since when the step that waits longest does; null if none waits. @example 2026-01-01T11:59:40.000Z */
  oldest_waiting_at!: string | null;
  /** The steps that will be taken next, 5 at most. */
  next!: WaitingStep[];
}

/** The queues in detail. */
export class QueueDetailsView extends QueueViewHead {
  totals!: QueueTotals;
  /** Workers that are alive. @example 2 */
  @ApiProperty({ type: 'integer' })
  workers!: number;
  queues!: QueueDetail[];
}

/** What a queue did in the last hour. */
export class QueueHour {
  /** Its name, which is the agent's id. @example clip-renderer */
  queue!: string;
  /**
   * Steps that were completed in the last hour; where the scope is `own`, those of the newest 1,000 jobs that you made within
   * 24 hours. @example 120
   */
  @ApiProperty({ type: 'integer' })
  completed_1h!: number;
  /** Steps that failed for good in the last hour. @example 3 */
  @ApiProperty({ type: 'integer' })
  failed_1h!: number;
  /** failed / (completed + failed), 0 to 1; null if there were neither. @example 0.0244 */
  failure_rate_1h!: number | null;
  /** Steps that were completed per minute of it. @example 2 */
  throughput_per_min!: number;
  /** Since when the step that waits longest does; null if none waits. @example 2026-01-01T11:59:40.000Z */
  oldest_waiting_at!: string | null;
  /** From queued to begun, of half of these steps at most so many milliseconds. @example 850 */
  wait_ms_p50!: number | null;
  /** The same of 95 of 100. @example 12000 */
  wait_ms_p95!: number | null;
  /** The same of 99 of 100. @example 21000 */
  wait_ms_p99!: number | null;
  /** From begun to ended, of half of these steps at most so many milliseconds. @example 9200 */
  run_ms_p50!: number | null;
  /** The same of 95 of 100. @example 31000 */
  run_ms_p95!: number | null;
  /** The same of 99 of 100. @example 44000 */
  run_ms_p99!: number | null;
}

/** How the queues did in the last hour. Over those of everybody, times are exact to 4.4 %. */
export class QueueStatsView extends QueueViewHead {
  /** Whether newer numbers could not be read in time. @example false */
  stale!: boolean;
  queues!: QueueHour[];
}
