import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsInt,
  IsOptional,
  Matches,
  Max,
  Min,
} from 'class-validator';
import { AGENT_ID, MAX_AGENTS } from './pipeline.settings';
import { IsRecordOf } from './records';

/** How a pool may be called: it becomes a part of the names of its workers. */
export const POOL_NAME = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;
/** The longest name of a pool, in characters. */
export const MAX_POOL_NAME = 32;
/** The pool that always exists, and to which a worker belongs that is told of no other. */
export const DEFAULT_POOL = 'default';
/** The most pools that settings can name. */
const MAX_POOLS = 20;
/** The most workers that a pool can have. */
export const MAX_WORKERS = 32;
/** The most steps that a worker can run at a time. */
export const MAX_CONCURRENCY = 32;

/** Workers alike: what each does, and how many there are. */
export class WorkerPool {
  /** The agents whose queues they serve; null = all, also those that are added later. */
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_AGENTS)
  @ArrayUnique()
  @Matches(AGENT_ID, { each: true })
  agents: string[] | null = null;
  /** Steps that each of them runs at a time; null = as WORKER_CONCURRENCY of its process says. */
  @IsOptional() @IsInt() @Min(1) @Max(MAX_CONCURRENCY) concurrency: number | null = null;
  /** How many there are; null = as many as the installation was started with, and nothing but min and max is held. */
  @IsOptional() @IsInt() @Min(0) @Max(MAX_WORKERS) replicas: number | null = null;
  /** The fewest that there may be. */
  @IsInt() @Min(0) @Max(MAX_WORKERS) min = 0;
  /** The most that there may be. */
  @IsInt() @Min(0) @Max(MAX_WORKERS) max = MAX_WORKERS;
}

/** Which workers there are, and what they do. */
export class FleetSettings {
  /** By the pool's name. The pool `default` exists whether it is named here or not. */
  @IsRecordOf({ keys: POOL_NAME, maxEntries: MAX_POOLS, values: { of: WorkerPool } })
  pools: Record<string, WorkerPool> = {};
}
