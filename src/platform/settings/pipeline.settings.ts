import {
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  Max,
  Min,
} from 'class-validator';
import { IsRecordOf } from './records';

/** How an agent may be called: it becomes a part of keys and paths. */
export const AGENT_ID = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;
/** What no agent may be called: in the paths below /api/agents, and for queues, these mean something else. */
export const TAKEN_IDS: readonly string[] = [
  'all',
  'clear-queue',
  'config',
  'health',
  'logs',
  'performance',
  'queue',
  'restart',
  'status',
];
/** The longest name of an agent, in characters. */
export const MAX_AGENT_ID = 40;
/** The most agents that an installation can have beside, or in place of, those that it comes with. */
export const MAX_AGENTS = 100;
/** The most agents that one agent can wait for. */
export const MAX_NEEDS = 32;
/** The longest time that an attempt can be given, in seconds. */
export const MAX_STEP_S = 86_400;

/** An agent of the graph: what differs from what the product comes with, or all of an agent that was added. */
export class PipelineAgent {
  /** What it is. Of an agent that the product comes with this is its own id, and need not be given. */
  @IsOptional() @IsString() @Matches(AGENT_ID) type: string | null = null;
  /** The agents whose end it waits for; null = those that its type needs. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MAX_NEEDS)
  @ArrayUnique()
  @Matches(AGENT_ID, { each: true })
  after: string[] | null = null;
  /** Whether new jobs get a step of it. */
  @IsBoolean() enabled = true;
  /** It is gone for new jobs; what older jobs have left for it is still done. */
  @IsBoolean() removed = false;
  /** Longest time of one attempt, in seconds; null = as its type says. jobs.step_timeout_s is a limit to that. */
  @IsOptional() @IsInt() @Min(1) @Max(MAX_STEP_S) timeout_s: number | null = null;
  /** How often a step of it is tried; null = as its type says. jobs.max_attempts is a limit to that. */
  @IsOptional() @IsInt() @Min(1) @Max(10) max_attempts: number | null = null;
}

/** Which agents a new job passes through, and in which order. */
export class PipelineSettings {
  /** By the agent's id. What is not named here is as the product comes. */
  @IsRecordOf({ keys: AGENT_ID, maxEntries: MAX_AGENTS, values: { of: PipelineAgent } })
  agents: Record<string, PipelineAgent> = {};
}
