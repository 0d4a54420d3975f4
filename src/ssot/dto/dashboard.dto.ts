import { ApiProperty } from '@nestjs/swagger';
import { JOB_STATUSES, type JobStatus } from '../../media/flow/transitions';

/** How jobs stand. */
export class JobNumbersDto {
  /** Jobs that are not finished: processing + queued. @example 17 */
  active!: number;
  /** Jobs that are being worked on. @example 6 */
  processing!: number;
  /** Jobs that wait for a worker. @example 11 */
  queued!: number;
  /** Jobs that were completed in the last 24 hours. One that failed and was completed after a retry counts in both. @example 412 */
  completed_24h!: number;
  /** Jobs that failed in the last 24 hours. @example 9 */
  failed_24h!: number;
  /** Jobs that were cancelled in the last 24 hours. @example 3 */
  cancelled_24h!: number;
}

/** A job as the dashboard lists it. */
export class JobLineDto {
  /** @example 019aa3f1-8b00-7a11-9c2d-3e4f5a6b7c8d */
  @ApiProperty({ description: 'Its id.' })
  job_id!: string;
  /** The first 120 characters of what its owner called it. @example Holiday 2026 */
  title!: string;
  /** Where it is. */
  @ApiProperty({ enum: JOB_STATUSES, example: 'processing' })
  status!: JobStatus;
  /** How far it is, 0 to 1. @example 0.42 */
  progress!: number;
  /** Why it failed, as a code of docs/errors.md; null if it did not. */
  error_code!: string | null;
  /** The same for people, 300 characters at most. */
  error_message!: string | null;
  /** When it was made. */
  created_at!: Date;
  /** When it changed last. */
  updated_at!: Date;
}

/** What the collector of jobs finds; the dashboard shows it. */
export class JobsDto {
  /** How many jobs are where. */
  jobs!: JobNumbersDto;
  /** Clips made in the last 24 hours. @example 1236 */
  clips_24h!: number;
  /** Uploads that are not finished. @example 2 */
  uploads_open!: number;
  /** The newest jobs, 25 at most. */
  recent_jobs!: JobLineDto[];
  /** The newest jobs of the last 24 hours that have failed, 25 at most. */
  recent_failures!: JobLineDto[];
}

/** The queues in four numbers. */
export class QueueSumsDto {
  /** Queues, one for each agent. @example 11 */
  total!: number;
  /** Those from which nothing is taken. @example 0 */
  paused!: number;
  /** Steps that could start now. @example 4 */
  waiting!: number;
  /** Steps that run now. @example 2 */
  active!: number;
}

/** The agents in two numbers. */
export class AgentSumsDto {
  /** All agents. @example 11 */
  total!: number;
  /** Those that take steps: not paused, and served by a worker. @example 11 */
  active!: number;
}

/** The workers in two numbers. */
export class WorkerSumsDto {
  /** Workers that are alive. @example 1 */
  online!: number;
  /** Those that run a step now. @example 1 */
  busy!: number;
}

/** The first page: a sentence and the numbers behind it. */
export class DashboardDto extends JobsDto {
  /** `attention` when something needs an operator. */
  @ApiProperty({ enum: ['ok', 'attention'] })
  status!: 'ok' | 'attention';
  /** What needs attention, in words; "All is well." otherwise. @example All is well. */
  summary!: string;
  /** The queues, from the section `queue`. */
  queues!: QueueSumsDto;
  /** The agents, from the section `agents_workers`. */
  agents!: AgentSumsDto;
  /** The workers, from the same. */
  workers!: WorkerSumsDto;
  /** Whether maintenance mode is on. */
  maintenance!: boolean;
}
