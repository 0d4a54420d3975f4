import { Type } from 'class-transformer';
import { IsBoolean, IsInt, IsObject, IsString, Length, Max, Min, ValidateNested } from 'class-validator';
import { MayBeAbsent } from '../../pipeline/catalogue/fields';
import { ActionOptions } from '../../pipeline/options.dto';
import { MAX_STEP_S } from '../../platform/settings/pipeline.settings';

/** How an action is wanted. */
export class AgentActionBody {
  /**
   * What every action takes besides what it is about: a preview, a reason, how long to wait.
   * @example { "reason": "The model is being replaced" }
   */
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => ActionOptions)
  options?: ActionOptions;
}

/** Which workers are restarted. */
export class RestartAgentsBody extends AgentActionBody {
  /** Only the workers of this pool. @example default */
  @MayBeAbsent()
  @IsString()
  @Length(1, 100)
  pool?: string;
}

/** Whose queue is cleared. */
export class ClearAgentQueueBody extends AgentActionBody {
  /** @example clip-renderer */
  @IsString()
  @Length(1, 100)
  agent_id!: string;
}

/** What is to be different of an agent. */
export class ConfigureAgentBody extends AgentActionBody {
  /** @example moment-selector */
  @IsString()
  @Length(1, 100)
  agent_id!: string;

  /** What to change of its settings; null puts the default back, and what is not given stays. @example { "count": 5 } */
  @MayBeAbsent()
  @IsObject()
  settings?: Record<string, unknown>;

  /** Whether new jobs get a step of it. @example true */
  @MayBeAbsent()
  @IsBoolean()
  enabled?: boolean;

  /** Longest time of one try, in seconds. @example 600 */
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(MAX_STEP_S)
  timeout_s?: number;

  /** How often a step of it is tried. @example 2 */
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(10)
  max_attempts?: number;
}

/** What starting or stopping an agent came to. */
export class AgentPaused {
  /** @example clip-renderer */
  queue!: string;
  /** Whether workers take nothing from its queue now. @example true */
  paused!: boolean;
  /** False if it was so already. @example true */
  changed!: boolean;
  /** The same, of each queue concerned. */
  queues!: object[];
}

/** What configuring an agent came to, or would come to with `options.dry_run`. */
export class AgentConfigured {
  /** @example moment-selector */
  agent_id!: string;
  /** The version of the graph that new jobs keep. @example 4 */
  graph_version!: number;
  /** The version of the settings that it was saved as. @example 13 */
  settings_version!: number;
  /** What was changed: path, old and new value of each setting. */
  changes!: object[];
}

/** An operation that goes on in the background. */
export class AgentOperation {
  /** @example 019aa3f1-a000-7a11-9c2d-3e4f5a6b7c8d */
  execution_id!: string;
  /** @example running */
  status!: string;
  /** Where its progress and its end are shown. @example /api/admin/action/status?execution_id=019aa3f1-a000-7a11-9c2d-3e4f5a6b7c8d */
  status_url!: string;
}
