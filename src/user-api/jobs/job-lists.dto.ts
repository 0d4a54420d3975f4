import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsInt, IsString, IsUUID, Length, Max, Min } from 'class-validator';
import { JOB_STATUSES, type JobStatus } from '../../media/flow/transitions';
import { MayBeAbsent } from '../../pipeline/catalogue/fields';
import { IsDay, IsTimeZone } from '../../platform/validation/day';
import { IsTimestamp } from '../../platform/validation/timestamp';
import { PageQuery, ToInt } from '../paging.dto';
import { JobStats } from './job-statistics.dto';
import { JobSummary } from './jobs.dto';

/** Which jobs of a list, by the time of their creation. */
export class CreatedQuery extends PageQuery {
  /** Only jobs that were created at this time or later. @example 2026-01-01T00:00:00Z */
  @MayBeAbsent()
  @IsTimestamp()
  created_after?: string;

  /** Only jobs that were created before this time. @example 2026-02-01T00:00:00Z */
  @MayBeAbsent()
  @IsTimestamp()
  created_before?: string;
}

/** Which jobs. All conditions that are given hold. */
export class JobsQuery extends CreatedQuery {
  /** Only jobs in this state. */
  @ApiPropertyOptional({ enum: JOB_STATUSES })
  @MayBeAbsent()
  @IsIn(JOB_STATUSES)
  status?: JobStatus;

  /** Only jobs that failed with this code. @example NO_VIDEO */
  @MayBeAbsent()
  @IsString()
  @Length(1, 100)
  error_code?: string;
}

/** Which day, and which of its jobs. */
export class DayQuery extends PageQuery {
  /** The day in that time zone; today, if not given. @example 2026-01-31 */
  @MayBeAbsent()
  @IsDay()
  date?: string;

  /** Whose days: a name of the IANA time zone database. @example Europe/Amsterdam */
  @ApiPropertyOptional({ default: 'UTC' })
  @MayBeAbsent()
  @IsTimeZone()
  timezone: string = 'UTC';

  /** Only jobs in this state; `stats` are those of the whole day all the same. */
  @ApiPropertyOptional({ enum: JOB_STATUSES })
  @MayBeAbsent()
  @IsIn(JOB_STATUSES)
  status?: JobStatus;
}

/** Which state. */
export class JobStatusParam {
  /** @example failed */
  @ApiProperty({ enum: JOB_STATUSES })
  @IsIn(JOB_STATUSES)
  status!: JobStatus;
}

/** How many. */
export class LimitParam {
  /** At most so many. @example 10 */
  @ApiProperty({ type: 'integer', minimum: 1, maximum: 100 })
  @ToInt()
  @IsInt()
  @Min(1)
  @Max(100)
  limit!: number;
}

/** Whose. */
export class UserIdParam {
  /** @example 019aa3f0-0000-7000-8000-000000000001 */
  @IsUUID()
  user_id!: string;
}

/** The jobs that were created on one day. */
export class JobsOfDay {
  /** @example 2026-01-31 */
  date!: string;
  /** Whose day it is. @example Europe/Amsterdam */
  timezone!: string;
  /** When the day begins. @example 2026-01-30T23:00:00.000Z */
  starts_at!: string;
  /** When the next day begins. @example 2026-01-31T23:00:00.000Z */
  ends_at!: string;
  /** The numbers of all jobs of the day, on whatever page. */
  stats!: JobStats;
  /** One page of them, newest first. */
  jobs!: JobSummary[];
}
