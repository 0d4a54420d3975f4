import { ApiProperty } from '@nestjs/swagger';

/** A worker process that reported itself within its lease. */
export class WorkerDto {
  /** Its name. @example worker-1 */
  worker_id!: string;
  /** The workers that are like it. @example default */
  pool!: string;
  /** Its process on its host. @example 4711 */
  pid!: number;
  /** When it started. */
  started_at!: string;
  /** Steps that it could run at a time. @example 2 */
  concurrency!: number;
  /** Steps that it runs now. @example 1 */
  active_steps!: number;
  /** The queues that it takes from, 20 names at most. */
  queues!: string[];
  /** How many queues it takes from. @example 11 */
  queue_count!: number;
  /** Memory that it holds, in bytes. @example 120000000 */
  rss_bytes!: number;
  /** How late its event loop was, in milliseconds. @example 1.2 */
  loop_delay_ms!: number;
}

/** An agent and what it has to do. */
export class AgentDto {
  /** Its id, which is the name of its queue. @example clip-renderer */
  agent!: string;
  /** What people call it. @example Clip renderer */
  title!: string;
  /** Of its type. @example 1.0.0 */
  version!: string;
  /** `paused`: its queue is; `active`: a worker serves its queue; `unserved`: none does. */
  @ApiProperty({ enum: ['active', 'paused', 'unserved'] })
  status!: 'active' | 'paused' | 'unserved';
  /** Workers that serve its queue. @example 1 */
  workers!: number;
  /** Steps that could start now. @example 4 */
  waiting!: number;
  /** Steps that run now. @example 2 */
  processing!: number;
  /** Steps that were completed in the last hour. @example 120 */
  completed_1h!: number;
  /** Steps that failed for good in the last hour. @example 1 */
  failed_1h!: number;
}

/** Agents and workers in numbers; these are of all, whatever the lists have. */
export class AgentsWorkersTotalsDto {
  /** All agents. @example 11 */
  agents!: number;
  /** Those that take steps: not paused, and served by a worker. @example 11 */
  active_agents!: number;
  /** Workers that are alive. @example 1 */
  workers!: number;
  /** Those that run a step now. @example 1 */
  busy_workers!: number;
}

/** Agents and workers. */
export class AgentsWorkersDto {
  /** The sums. */
  totals!: AgentsWorkersTotalsDto;
  /** In the order of the graph, 60 at most: of more, those with most to do. */
  agents!: AgentDto[];
  /** 25 at most: of more, the busiest. */
  workers!: WorkerDto[];
}
