import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn } from 'class-validator';
import { MayBeAbsent } from '../../pipeline/catalogue/fields';
import { FailureCause, JobStats } from '../jobs/job-statistics.dto';

/** The times that can be looked at. */
export const PERIODS = ['24h', '7d', '30d'] as const;
export type Period = (typeof PERIODS)[number];

/** Which time. */
export class AnalyticsQuery {
  /** The last 24 hours by the hour, or the last 7 or 30 days by the day. */
  @ApiPropertyOptional({ enum: PERIODS, default: '24h' })
  @MayBeAbsent()
  @IsIn(PERIODS)
  period: Period = '24h';
}

/** The jobs that were created in a part of the period, by the state that they are in now. */
export class AnalyticsBucket {
  /** Where it begins: a full hour, or a day of UTC. @example 2026-01-01T11:00:00.000Z */
  from!: string;
  /** Where the next begins, or now. @example 2026-01-01T12:00:00.000Z */
  until!: string;
  /** Jobs that were created. @example 41 */
  @ApiProperty({ type: 'integer' })
  created!: number;
  /** @example 36 */
  @ApiProperty({ type: 'integer' })
  completed!: number;
  /** @example 3 */
  @ApiProperty({ type: 'integer' })
  failed!: number;
  /** @example 1 */
  @ApiProperty({ type: 'integer' })
  cancelled!: number;
  /** Those that are not finished. @example 1 */
  @ApiProperty({ type: 'integer' })
  active!: number;
  /** Whether a state has more than 10,000 jobs, so that its number is an estimate. @example false */
  is_estimate!: boolean;
}

/** How busy the installation is. */
export class Load {
  /** Steps that could start now. @example 4 */
  @ApiProperty({ type: 'integer' })
  waiting_steps!: number;
  /** Steps that are being worked on. @example 2 */
  @ApiProperty({ type: 'integer' })
  active_steps!: number;
  /** Steps that wait for the time of their next attempt. @example 0 */
  @ApiProperty({ type: 'integer' })
  delayed_steps!: number;
  /** Queues from which nothing is taken. @example 0 */
  @ApiProperty({ type: 'integer' })
  paused_queues!: number;
  /** Workers that are alive. @example 2 */
  @ApiProperty({ type: 'integer' })
  workers!: number;
  /** Steps that these could run at a time. @example 4 */
  @ApiProperty({ type: 'integer' })
  slots!: number;
  /** active_steps / slots, 0 to 1; null without workers. @example 0.5 */
  utilisation!: number | null;
}

/** What came of the jobs of a period. */
export class AnalyticsMetrics {
  /** `own`: of your jobs; `all`: of everybody's, which staff see. @example own */
  @ApiProperty({ enum: ['own', 'all'] })
  scope!: 'own' | 'all';
  /** @example 24h */
  @ApiProperty({ enum: PERIODS })
  period!: Period;
  /** The beginning of the first bucket. @example 2025-12-31T12:00:00.000Z */
  from!: string;
  /** When the numbers were read. @example 2026-01-01T12:00:00.000Z */
  as_of!: string;
  /** The numbers of the whole period. */
  stats!: JobStats;
  /** Completed jobs of the period per hour of it. @example 38.2 */
  completed_per_h!: number;
  /** The period in parts, the oldest first. */
  buckets!: AnalyticsBucket[];
  /** Why jobs failed, the commonest cause first, 10 at most; of the newest 1,000 failures of the period. */
  failures!: FailureCause[];
  /** How busy the installation is now; null for users. */
  load!: Load | null;
}
