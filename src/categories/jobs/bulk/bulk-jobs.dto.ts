import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsObject,
  IsUUID,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import { HasAnyBesides, InsteadOf, Recorded } from '../../../pipeline/catalogue/fields';
import { JobFilter } from '../job-filter.dto';

/** Jobs that one run touches at most. */
export const MAX_JOBS = 100_000;

/** The payload of an action on many jobs: exactly one of the two says which. */
export abstract class BulkJobs<R> extends ActionCommand<R> {
  /** These jobs. Each is answered for in this order; what is named twice counts once. */
  @Recorded()
  @ValidateIf((of: BulkJobs<unknown>) => of.job_ids !== undefined || of.filter === undefined)
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(10_000)
  @IsUUID(undefined, { each: true })
  job_ids?: string[];

  /** The jobs that fit, the oldest first, at most 100,000. At least one condition besides limit. */
  @Recorded()
  @ValidateIf((of: BulkJobs<unknown>) => of.filter !== undefined)
  @InsteadOf('job_ids')
  @HasAnyBesides('limit')
  @IsObject()
  @ValidateNested()
  @Type(() => JobFilter)
  filter?: JobFilter;
}

/** How many jobs a run with this payload may touch. */
export function costOfJobs({ job_ids, filter }: Readonly<Record<string, unknown>>): number {
  if (Array.isArray(job_ids)) return Math.max(1, job_ids.length);
  return (filter as JobFilter | undefined)?.limit ?? MAX_JOBS;
}
