import { ApiProperty } from '@nestjs/swagger';
import { IsString, Length } from 'class-validator';

/** How an agent stands. */
export const AGENT_STATES = ['active', 'idle', 'paused', 'unserved', 'disabled', 'unknown'] as const;
export type AgentState = (typeof AGENT_STATES)[number];

/** Which agent. */
export class AgentIdParam {
  /** @example clip-renderer */
  @IsString()
  @Length(1, 100)
  agent_id!: string;
}

/** What everybody may know of an agent. */
export class AgentStatus {
  /** @example clip-renderer */
  agent_id!: string;
  /** @example Clip renderer */
  title!: string;
  /** What it is; several agents can be of one type. @example clip-renderer */
  type!: string;
  /** Of its type; its results may differ from those of another version. @example 1.0.0 */
  version!: string;
  /** Whether new jobs get a step of it. @example true */
  enabled!: boolean;
  /**
   * `active` runs steps, `idle` could, `paused` takes none, `unserved` has no worker, `disabled` is in no new job,
   * `unknown`: Redis, which knows the workers, does not answer.
   */
  @ApiProperty({ enum: AGENT_STATES, example: 'active' })
  state!: AgentState;
  /** The agents whose results it needs. @example ["moment-selector"] */
  needs!: string[];
  /** Steps that wait for a worker; null while Redis does not answer. @example 4 */
  waiting!: number | null;
  /** Steps that run now. @example 2 */
  active!: number;
}

/** Milliseconds below which half, 95 % and 99 % stay; null if nothing was measured. */
export class Percentiles {
  /** @example 7300 */
  p50!: number | null;
  /** @example 15200 */
  p95!: number | null;
  /** @example 21800 */
  p99!: number | null;
}

/** A reason and how often it was given. */
export class SkipCount {
  /** @example no_audio */
  reason!: string;
  /** @example 3 */
  count!: number;
}

/** How an agent has done over a stretch of time. */
export class AgentFigures {
  /** Length of the stretch, in seconds, which ends now. @example 3600 */
  window_s!: number;
  /**
   * True where more steps ended than are looked at (the newest 5,000 of an agent): the figures are then those of the
   * newest, and the stretch begins with the oldest of them. @example false
   */
  sampled!: boolean;
  /** @example 118 */
  completed!: number;
  /** Failed for good, after all tries. @example 2 */
  failed!: number;
  /** Left out, with a reason. @example 5 */
  skipped!: number;
  /** @example 1 */
  cancelled!: number;
  /** Completed of completed and failed, 0 to 1; null if there were none. @example 0.983 */
  success_rate!: number | null;
  /** Steps completed per hour. @example 118 */
  throughput_per_h!: number;
  /** From begin to end of the last try. */
  run_ms!: Percentiles;
  /** From when a step could have begun until it did. */
  wait_ms!: Percentiles;
  /** Why steps were left out, the most frequent reason first. */
  skips!: SkipCount[];
}

/** How an agent has done lately. */
export class AgentPerformance {
  /** @example clip-renderer */
  agent_id!: string;
  /** The last hour. */
  last_1h!: AgentFigures;
  /** The last 24 hours. */
  last_24h!: AgentFigures;
}

/** How a step of the agent failed last. */
export class AgentLastError {
  /** @example 2026-01-01T12:00:17.000Z */
  at!: string;
  /** A code of docs/errors.md. @example TOOL_TIMEOUT */
  code!: string;
  /** A sentence for people. @example The media tool took longer than its limit and was stopped. */
  message!: string;
  /** @example 019aa3f1-8b00-7a11-9c2d-3e4f5a6b7c8d */
  job_id!: string;
}

/** A step that runs. */
export class ActiveStep {
  /** @example 019aa3f1-8b01-7d22-8e3f-4a5b6c7d8e9f */
  step_id!: string;
  /** @example 019aa3f1-8b00-7a11-9c2d-3e4f5a6b7c8d */
  job_id!: string;
  /** Who runs it. @example worker-1 */
  worker_id!: string | null;
  /** @example 1 */
  attempt!: number;
  /** 0 to 1. @example 0.4 */
  progress!: number;
  /** @example 2026-01-01T12:00:05.000Z */
  started_at!: string | null;
}

/** A worker that serves the agent. */
export class ServingWorker {
  /** @example worker-1 */
  worker_id!: string;
  /** @example default */
  pool!: string;
  /** It takes no more steps. @example false */
  draining!: boolean;
  /** Steps that it runs at a time, at most. @example 2 */
  concurrency!: number;
  /** Those of this agent that it runs now. @example 1 */
  active!: number;
  /** What its media tools can do: versions, filters. */
  capabilities!: object;
}

/** An agent, closely. */
export class AgentDetail extends AgentStatus {
  /** Longest time of one try, in seconds, for new jobs; jobs.step_timeout_s of the settings is a limit to that. @example 3600 */
  timeout_s!: number;
  /** How often a step is tried, for new jobs; jobs.max_attempts of the settings is a limit to that. @example 3 */
  max_attempts!: number;
  /** What its steps count in the progress of a job. @example 10 */
  weight!: number;
  /** Every job needs it: it cannot be switched off. @example true */
  essential!: boolean;
  /** Up to 100 steps that run now, the oldest first. */
  active_steps!: ActiveStep[];
  /** Who serves it; null while Redis does not answer. */
  workers!: ServingWorker[] | null;
  /** The last failure within 24 hours; null if there was none. */
  last_error!: AgentLastError | null;
  /** The last hour. */
  last_1h!: AgentFigures;
}

/** How far something is from being as it should. */
export const HEALTH_STATES = ['healthy', 'degraded', 'down', 'off'] as const;
export type HealthState = (typeof HEALTH_STATES)[number];

/** Whether an agent does its work. */
export class AgentHealth {
  /** @example clip-renderer */
  agent_id!: string;
  /** `off`: an operator has paused it or switched it off. */
  @ApiProperty({ enum: HEALTH_STATES, example: 'degraded' })
  health!: HealthState;
  /** What is wrong, in sentences; empty if nothing is. @example ["5 of the last 8 steps failed."] */
  reasons!: string[];
  /** Workers that serve it; null while Redis does not answer. @example 2 */
  workers!: number | null;
  /** Since when the step that has waited longest could have begun; null if none waits. @example 2026-01-01T12:00:05.000Z */
  oldest_waiting_at!: string | null;
}

/** Whether the agents do their work. */
export class AgentsHealth {
  /** The worst of all that are not off. */
  @ApiProperty({ enum: HEALTH_STATES, example: 'degraded' })
  health!: HealthState;
  agents!: AgentHealth[];
}

/** A step that waits. */
export class AgentWaitingStep {
  /** @example 019aa3f1-8b01-7d22-8e3f-4a5b6c7d8e9f */
  step_id!: string;
  /** @example 019aa3f1-8b00-7a11-9c2d-3e4f5a6b7c8d */
  job_id!: string;
  /** 1 to 10; 1 goes first. @example 5 */
  priority!: number;
  /** Since when it waits. @example 2026-01-01T12:00:05.000Z */
  queued_at!: string | null;
  /** When it may begin: later than now after a failure. @example 2026-01-01T12:00:05.000Z */
  not_before!: string;
  /** How often it failed. @example 0 */
  failures!: number;
}

/** The queue of an agent. */
export class AgentQueue {
  /** @example clip-renderer */
  agent_id!: string;
  /** The name of the queue, as actions on queues take it. @example clip-renderer */
  queue!: string;
  /** @example false */
  paused!: boolean;
  /** Steps that a worker could take; null while Redis does not answer. @example 4 */
  waiting!: number | null;
  /** Put off after a failure; null while Redis does not answer. @example 0 */
  delayed!: number | null;
  /** @example 2 */
  active!: number;
  /** Since when the step that has waited longest could have begun. @example 2026-01-01T12:00:05.000Z */
  oldest_waiting_at!: string | null;
  /** Up to 20 of those that wait, in the order in which they are taken. */
  next!: AgentWaitingStep[];
}
