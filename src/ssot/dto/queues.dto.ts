import { ApiProperty } from '@nestjs/swagger';

/** A queue. The numbers are Postgres', which is the truth about what has to be done. */
export class QueueDto {
  /** Its name, which is the agent's id. @example clip-renderer */
  queue!: string;
  /** Whether nothing is taken from it until it is resumed. */
  paused!: boolean;
  /** Whether it takes nothing new in, and if so whether all that was there has come to its end. */
  @ApiProperty({ enum: ['draining', 'drained'], nullable: true })
  drain!: 'draining' | 'drained' | null;
  /** Steps that failed for good, and were neither retried nor purged since. @example 3 */
  failed!: number;
  /** Steps that could start now, or when the queue is resumed. @example 4 */
  waiting!: number;
  /** Steps that wait for their next attempt. @example 0 */
  delayed!: number;
  /** Steps that run now. @example 2 */
  active!: number;
  /** When the step that waits longest began to; null if none waits. */
  oldest_waiting_at!: Date | null;
  /** For how long it had been waiting when this was read, in seconds; null if none waits. @example 20 */
  oldest_waiting_s!: number | null;
  /** Steps that were completed in the last hour. @example 120 */
  completed_1h!: number;
  /** Steps that failed for good in the last hour. @example 3 */
  failed_1h!: number;
  /** Steps that had nothing to do, in the last hour. @example 1 */
  skipped_1h!: number;
  /** failed / (completed + failed) of the last hour, 0 to 1; null if there were neither. @example 0.0244 */
  failure_rate_1h!: number | null;
  /** Steps completed per minute, over the last hour. @example 2 */
  throughput_per_min!: number;
  /** From queued to begun, of half of the steps that ended in the last hour at most so many milliseconds; exact to 4.4 %. @example 850 */
  wait_ms_p50!: number | null;
  /** The same of 95 of 100. @example 12000 */
  wait_ms_p95!: number | null;
  /** The same of 99 of 100. @example 21000 */
  wait_ms_p99!: number | null;
  /** From begun to ended, of half of these steps at most so many milliseconds; exact to 4.4 %. @example 9200 */
  run_ms_p50!: number | null;
  /** The same of 95 of 100. @example 31000 */
  run_ms_p95!: number | null;
  /** The same of 99 of 100. @example 44000 */
  run_ms_p99!: number | null;
}

/** All queues in numbers, whatever the list has. */
export class QueuesTotalsDto {
  /** Queues, one for each agent. @example 11 */
  queues!: number;
  /** Those from which nothing is taken. @example 0 */
  paused!: number;
  /** Those that take nothing new in. @example 0 */
  draining!: number;
  /** Steps that could start now. @example 4 */
  waiting!: number;
  /** Steps that wait for their next attempt. @example 0 */
  delayed!: number;
  /** Steps that run now. @example 2 */
  active!: number;
}

/** The queues. */
export class QueuesDto {
  /** The sums. */
  totals!: QueuesTotalsDto;
  /** In the order of the graph, 60 at most: of more, those with most to do. */
  queues!: QueueDto[];
}
