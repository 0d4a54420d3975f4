import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn } from 'class-validator';
import { MayBeAbsent } from '../../pipeline/catalogue/fields';
import { PageQuery } from '../paging.dto';

/** How an agent is set up for new jobs. */
export class AgentConfig {
  /** @example audio-analyst */
  agent_id!: string;
  /** @example audio-analyst */
  type!: string;
  /** @example true */
  enabled!: boolean;
  /** Every job needs it: it cannot be switched off. @example false */
  essential!: boolean;
  /** The agents whose results it needs. @example ["normaliser"] */
  needs!: string[];
  /** Longest time of one try, in seconds; jobs.step_timeout_s of the settings is a limit to that. @example 3600 */
  timeout_s!: number;
  /** @example 3 */
  max_attempts!: number;
  /**
   * Every setting with the value in force; max_duration_s of the inspector is jobs.max_duration_s of the settings, unless it
   * was changed to less. @example { "silence_db": -40, "min_silence_s": 0.5 }
   */
  settings!: Record<string, unknown>;
  /** The settings that an operator has changed. @example ["silence_db"] */
  changed!: string[];
}

/** What agents can be. */
export class AgentTypeView {
  /** @example audio-analyst */
  type!: string;
  /** @example Audio analyst */
  title!: string;
  /** @example 1.0.0 */
  version!: string;
  /** Every setting with its default. @example { "silence_db": -35, "min_silence_s": 0.5 } */
  defaults!: Record<string, unknown>;
  /** Settings that jobs cannot bring along. @example [] */
  reserved!: string[];
}

/** The graph and how its agents are set up. */
export class AgentsConfig {
  /** The version of the settings in force here; what config.save expects. @example 12 */
  settings_version!: number;
  /** The version of the graph; null until a job was made with it, or an action made it. @example 3 */
  graph_version!: number | null;
  /** In an order in which everything comes after what it needs. */
  agents!: AgentConfig[];
  /** What config.add_agent takes as `type`. */
  types!: AgentTypeView[];
}

const LEVELS = ['info', 'warn', 'error'] as const;

/** Which lines of a log. */
export class AgentLogsQuery extends PageQuery {
  /** Only lines of this level. */
  @ApiPropertyOptional({ enum: LEVELS })
  @MayBeAbsent()
  @IsIn(LEVELS)
  level?: (typeof LEVELS)[number];
}

/** A line of the log of an agent. */
export class AgentLogLine {
  /** @example 019aa3f1-9c00-7a11-9c2d-3e4f5a6b7c8d */
  event_id!: string;
  /** @example 2026-01-01T12:00:17.000Z */
  at!: string;
  @ApiProperty({ enum: LEVELS, example: 'warn' })
  level!: string;
  /** What happened. @example step.retried */
  event!: string;
  /** In a sentence. @example clip-renderer failed and is tried again: the media tool stopped with an error. */
  message!: string;
  /** More about it: codes and numbers. @example { "agent": "clip-renderer", "error_code": "TOOL_FAILED", "failures": 1 } */
  data!: object | null;
  /** @example 019aa3f1-8b00-7a11-9c2d-3e4f5a6b7c8d */
  job_id!: string | null;
  /** @example 4bf92f3577b34da6a3ce929d0e0e4736 */
  trace_id!: string | null;
}
