import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsInt, IsObject, IsString, IsUUID, Max, MaxLength, Min, MinLength } from 'class-validator';
import { JOB_STATUSES, type JobStatus } from '../../media/flow/transitions';
import { MayBeAbsent } from '../../pipeline/catalogue/fields';

/** The states that a user may put a job into. */
export const WISHED_STATUSES = ['cancelled', 'queued'] as const;
export type WishedStatus = (typeof WISHED_STATUSES)[number];

/** A job that is wanted. */
export class CreateJobBody {
  /** A finalized upload of yours. @example 019aa3f1-7c1e-7bb2-9d7a-1f2e3d4c5b6a */
  @IsUUID()
  upload_id!: string;

  /**
   * A finalized upload of yours with subtitles for the whole video, as .srt or .vtt; the clips get their parts of it.
   * @example 019aa3f1-7d00-7cc3-8e8b-2a3b4c5d6e7f
   */
  @MayBeAbsent()
  @IsUUID()
  captions_upload_id?: string;

  /** What it is called; the name of the file if not given. @example Holiday 2026 */
  @MayBeAbsent()
  @IsString()
  @MinLength(1)
  @MaxLength(200)
  title?: string;

  /** From 1, which goes first, to 10, which waits longest. @example 5 */
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(10)
  priority?: number;

  /** Settings of agents for this job, by the agent's id; what is not given keeps the installation's value. */
  @MayBeAbsent()
  @IsObject()
  settings?: Record<string, unknown>;
}

/** A job that was created. */
export class CreateJobResult {
  /** @example 019aa3f1-8b00-7a11-9c2d-3e4f5a6b7c8d */
  job_id!: string;
  /** @example queued */
  status!: string;
}

/** Which job. */
export class JobIdParam {
  /** @example 019aa3f1-8b00-7a11-9c2d-3e4f5a6b7c8d */
  @IsUUID()
  job_id!: string;
}

/** How a cancellation is wanted. */
export class CancelJobBody {
  /** Why; kept with the job. @example Wrong file */
  @MayBeAbsent()
  @IsString()
  @MaxLength(500)
  reason?: string;
}

/** What a job is to become. */
export class JobStatusBody {
  /** `cancelled` cancels the job, `queued` queues it again; the other states follow from the work itself. */
  @ApiProperty({ enum: WISHED_STATUSES, example: 'cancelled' })
  @IsIn(WISHED_STATUSES, {
    message:
      'can be set to cancelled or queued; processing, completed and failed follow from the work itself',
  })
  status!: WishedStatus;

  /** Why; recorded in the audit, and kept with a job that is cancelled. @example Wrong file */
  @MayBeAbsent()
  @IsString()
  @MaxLength(500)
  reason?: string;
}

/** How a retry is wanted. */
export class RetryJobBody {
  /** `failed_step` keeps what is done, `start` does everything again. @example failed_step */
  @ApiPropertyOptional({ enum: ['failed_step', 'start'], default: 'failed_step' })
  @MayBeAbsent()
  @IsIn(['failed_step', 'start'])
  from?: 'failed_step' | 'start';
}

/** Why a job or a step failed. */
export class JobError {
  /** A code of docs/errors.md. @example NO_VIDEO */
  code!: string;
  /** A sentence for people. @example The file has no video stream, only sound or data. */
  message!: string;
}

/** One step of a job. */
export class StepView {
  /** @example 019aa3f1-8b01-7d22-8e3f-4a5b6c7d8e9f */
  step_id!: string;
  /** Who does it. @example scene-detector */
  agent!: string;
  /** `blocked` waits for other steps, `queued` for a worker. @example processing */
  status!: string;
  /** 0 to 1. @example 0.4 */
  progress!: number;
  /** How often it was begun. @example 1 */
  attempt!: number;
  /** How often it may fail until the job does. @example 3 */
  max_attempts!: number;
  /** The agents whose results it needs. @example ["normaliser"] */
  needs!: string[];
  /** Why it was left out; null if it was not. @example no_audio */
  skip_reason!: string | null;
  /** Why it failed last; null unless it did. */
  error!: JobError | null;
  /** When it was last begun. @example 2026-01-01T12:00:05.000Z */
  started_at!: string | null;
  /** When it ended. @example 2026-01-01T12:00:17.000Z */
  finished_at!: string | null;
  /** How long it has been running, or ran, in seconds. @example 12.3 */
  duration_s!: number | null;
}

/** A job without its steps. */
export class JobSummary {
  /** @example 019aa3f1-8b00-7a11-9c2d-3e4f5a6b7c8d */
  job_id!: string;
  /** @example Holiday 2026 */
  title!: string;
  /** @example processing */
  @ApiProperty({ enum: JOB_STATUSES })
  status!: JobStatus;
  /** 0 to 1. @example 0.35 */
  progress!: number;
  /** 1 to 10; 1 goes first. @example 5 */
  priority!: number;
  /** How often it was begun: 1, and one more for each retry. @example 1 */
  attempt!: number;
  /** @example 019aa3f1-7c1e-7bb2-9d7a-1f2e3d4c5b6a */
  upload_id!: string | null;
  /** Whose it is. @example 019aa3f0-0000-7000-8000-000000000001 */
  user_id!: string;
  /** Why it failed; null unless it did. */
  error!: JobError | null;
  /** When it was created. @example 2026-01-01T12:00:00.000Z */
  created_at!: string;
  /** When its first step was begun. @example 2026-01-01T12:00:05.000Z */
  started_at!: string | null;
  /** When it ended, in whatever way. @example 2026-01-01T12:00:47.000Z */
  finished_at!: string | null;
  /** How long it has been going, or went, since it began, in seconds. @example 42.1 */
  duration_s!: number | null;
}

/** A job. */
export class JobView extends JobSummary {
  /** Its steps, in the order of the graph. */
  steps!: StepView[];
  /** How many clips came out. @example 3 */
  clip_count!: number;
  /** Settings of agents that were given for this job. */
  settings!: Record<string, unknown>;
  /** When somebody asked to cancel it. @example 2026-01-01T12:00:30.000Z */
  cancel_requested_at!: string | null;
  /** Why it was cancelled. @example Wrong file */
  cancel_reason!: string | null;
  /** To find it in logs. @example 4bf92f3577b34da6a3ce929d0e0e4736 */
  trace_id!: string | null;
}

/** Whether and how a job can be retried. */
export class RetryAdvice {
  /** @example 019aa3f1-8b00-7a11-9c2d-3e4f5a6b7c8d */
  job_id!: string;
  /** @example true */
  can_retry!: boolean;
  /** Why, or why not. @example The job has failed. */
  reason!: string;
  /** What POST takes as `from`. @example ["failed_step", "start"] */
  from!: string[];
}

/** A job whose state was changed. */
export class JobStatusResult {
  /** @example 019aa3f1-8b00-7a11-9c2d-3e4f5a6b7c8d */
  job_id!: string;
  /** `cancelling`: the running step was told to stop and has not yet. @example cancelled */
  status!: string;
  /** Which attempt is queued; only of a job that was queued again. @example 2 */
  attempt?: number;
  /** Agents whose results are kept; only of a job that was queued again. @example ["inspector", "normaliser"] */
  kept_steps?: string[];
  /** Agents that run again; only of a job that was queued again. @example ["scene-detector"] */
  rerun_steps?: string[];
}

/** A job that is cancelled, or is about to be. */
export class CancelJobResult {
  /** @example 019aa3f1-8b00-7a11-9c2d-3e4f5a6b7c8d */
  job_id!: string;
  /** `cancelling`: the running step was told to stop and has not yet. @example cancelled */
  status!: string;
}

/** A job that goes on. */
export class RetryJobResult {
  /** @example 019aa3f1-8b00-7a11-9c2d-3e4f5a6b7c8d */
  job_id!: string;
  /** @example queued */
  status!: string;
  /** @example 2 */
  attempt!: number;
  /** Agents whose results are kept. @example ["inspector", "normaliser"] */
  kept_steps!: string[];
  /** Agents that run again. @example ["scene-detector", "moment-selector", "clip-renderer", "packager"] */
  rerun_steps!: string[];
}
