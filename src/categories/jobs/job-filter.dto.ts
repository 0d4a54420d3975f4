import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsIn,
  IsInt,
  IsString,
  IsUUID,
  Length,
  Max,
  Min,
} from 'class-validator';
import { MayBeAbsent, Recorded } from '../../pipeline/catalogue/fields';
import { IsTimestamp } from '../../platform/validation/timestamp';

const STATUSES = ['queued', 'processing', 'completed', 'failed', 'cancelled'] as const;

/** Which jobs. All of the conditions given hold. */
export class JobFilter {
  /** In one of these states. */
  @Recorded()
  @MayBeAbsent()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(STATUSES.length)
  @ArrayUnique()
  @IsIn(STATUSES, { each: true })
  status?: (typeof STATUSES)[number][];

  /** Of this user. */
  @Recorded()
  @MayBeAbsent()
  @IsUUID()
  user_id?: string;

  /** Whose step of this agent is running or has failed. */
  @Recorded()
  @MayBeAbsent()
  @IsString()
  @Length(1, 100)
  agent?: string;

  /** With a step that waits in this queue. */
  @Recorded()
  @MayBeAbsent()
  @IsString()
  @Length(1, 100)
  queue?: string;

  /** Failed with this code. */
  @Recorded()
  @MayBeAbsent()
  @IsString()
  @Length(1, 100)
  error_code?: string;

  /** Created at or after this time. */
  @Recorded()
  @MayBeAbsent()
  @IsTimestamp()
  created_after?: string;

  /** Created before this time. */
  @Recorded()
  @MayBeAbsent()
  @IsTimestamp()
  created_before?: string;

  /** At most so many, the oldest first. */
  @Recorded()
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(100_000)
  limit?: number;
}

/** A condition on table `j` (jobs) and its parameters, which begin at `$from`. */
export function filterCondition(filter: JobFilter, from = 1): { sql: string; params: unknown[] } {
  const params: unknown[] = [];
  const conditions: string[] = [];
  const add = (value: unknown, condition: (placeholder: string) => string): void => {
    if (value === undefined) return;
    params.push(value);
    conditions.push(condition(`$${from + params.length - 1}`));
  };
  add(filter.status, (p) => `j.status = ANY(${p})`);
  add(filter.user_id, (p) => `j.user_id = ${p}`);
  add(filter.agent, (p) => stepExists(`s.agent = ${p} AND s.status IN ('processing', 'failed')`));
  add(filter.queue, (p) => stepExists(`s.agent = ${p} AND s.status = 'queued'`));
  add(filter.error_code, (p) => `j.error_code = ${p}`);
  add(filter.created_after, (p) => `j.created_at >= ${p}::timestamptz`);
  add(filter.created_before, (p) => `j.created_at < ${p}::timestamptz`);
  return { sql: conditions.length > 0 ? conditions.join(' AND ') : 'true', params };
}

function stepExists(condition: string): string {
  return `EXISTS (SELECT FROM steps s WHERE s.job_id = j.id AND ${condition})`;
}
