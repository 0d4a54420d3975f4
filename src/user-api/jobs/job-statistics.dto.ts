import { ApiProperty } from '@nestjs/swagger';

/** How many jobs are in which state. */
export class StatusCounts {
  /** All of them. @example 1250 */
  @ApiProperty({ type: 'integer' })
  total!: number;
  /** Those that are not finished: queued and processing. @example 12 */
  @ApiProperty({ type: 'integer' })
  active!: number;
  /** Those that wait for a worker. @example 9 */
  @ApiProperty({ type: 'integer' })
  queued!: number;
  /** Those that are being worked on. @example 3 */
  @ApiProperty({ type: 'integer' })
  processing!: number;
  /** @example 1130 */
  @ApiProperty({ type: 'integer' })
  completed!: number;
  /** @example 88 */
  @ApiProperty({ type: 'integer' })
  failed!: number;
  /** @example 20 */
  @ApiProperty({ type: 'integer' })
  cancelled!: number;
  /** Whether one of the numbers is over 10,000, and so an estimate. @example false */
  is_estimate!: boolean;
}

/** How long something takes, in seconds. */
export class Spread {
  /** Half of the jobs took at most so long; null if there are none. @example 42.1 */
  p50!: number | null;
  /** 95 of 100 jobs took at most so long; null if there are none. @example 310.5 */
  p95!: number | null;
  /** How many jobs were looked at: the newest completed ones, 1,000 at most. @example 1000 */
  @ApiProperty({ type: 'integer' })
  sample!: number;
}

/** What became of jobs. */
export class JobStats {
  /** Jobs by the state that they are in now. */
  jobs!: StatusCounts;
  /** completed / (completed + failed), 0 to 1; null while there are neither. @example 0.9278 */
  success_rate!: number | null;
  /** Clips that were made. @example 3390 */
  @ApiProperty({ type: 'integer' })
  clips!: number;
  /** Whether `clips` is over 10,000, and so an estimate. @example false */
  clips_is_estimate!: boolean;
  /** From the begin of a completed job's first step to its end. */
  duration_s!: Spread;
  /** From the creation of a completed job to the begin of its first step. */
  wait_s!: Spread;
}

/** A cause of failures. */
export class FailureCause {
  /** A code of docs/errors.md. @example NO_VIDEO */
  error_code!: string;
  /** What it says to people. @example The file has no video stream, only sound or data. */
  message!: string | null;
  /** How many of the newest 1,000 failures it caused. @example 17 */
  @ApiProperty({ type: 'integer' })
  count!: number;
}

/** The numbers of jobs over several times. */
export class JobSummaryStats {
  /** `own`: of your jobs; `all`: of everybody's, which staff see. @example own */
  @ApiProperty({ enum: ['own', 'all'] })
  scope!: 'own' | 'all';
  /** When they were read. @example 2026-01-01T12:00:00.000Z */
  as_of!: string;
  /** Of all jobs. */
  all_time!: JobStats;
  /** Of jobs that were created in the last 24 hours. */
  last_24h!: JobStats;
  /** Of jobs that were created in the last 7 days. */
  last_7d!: JobStats;
}
