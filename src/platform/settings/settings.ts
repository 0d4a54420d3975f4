import { Type } from 'class-transformer';
import {
  IsBoolean,
  IsDefined,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { IsTimestamp } from '../validation/timestamp';
import { AccessSettings } from './access.settings';
import { AuditSettings } from './audit.settings';
import { CircuitBreakerSettings } from './circuit-breaker.settings';
import { FleetSettings } from './fleet.settings';
import { ActionLimit, LimitKindSettings } from './limit.settings';
import { LogSettings } from './log.settings';
import { OutboundSettings } from './outbound.settings';
import { PipelineSettings } from './pipeline.settings';
import { ReadModelSettings } from './read-model.settings';
import { IsRecordOf } from './records';

const ACTION_NAME = /^[a-z]+\.[a-z]+(?:_[a-z]+)*$/;
/** The longest life that an access token can be given, in seconds: an old signing key is needed for so long. */
export const MAX_ACCESS_TOKEN_S = 3_600;

/** Maintenance mode. */
export class MaintenanceSettings {
  /** While true, the user API answers 503. */
  @IsBoolean() enabled = false;
  /** What users are told. */
  @IsOptional() @IsString() @MaxLength(500) message: string | null = null;
  /** When it is expected to end. */
  @IsOptional() @IsTimestamp() until: string | null = null;
}

/** Limits of uploads. */
export class UploadSettings {
  /** Largest file, in bytes. */
  @IsInt() @Min(1) @Max(1_099_511_627_776) max_bytes = 21_474_836_480;
  /** Size of all chunks but the last, in bytes, unless the client asks for another one. */
  @IsInt() @Min(262_144) @Max(104_857_600) chunk_bytes = 8_388_608;
  /** How long an unfinished upload waits for its next chunk, in seconds. */
  @IsInt() @Min(60) @Max(2_592_000) expires_after_s = 86_400;
  /** How long a finalized upload that no job uses is kept, in seconds. */
  @IsInt() @Min(3_600) @Max(31_536_000) unused_kept_s = 604_800;
  /** Days after it has expired when an upload is removed from the history as well. */
  @IsInt() @Min(1) @Max(36_500) keep_days = 30;
  /** Unfinished uploads that a user may have at a time. */
  @IsInt() @Min(1) @Max(1_000) max_open_per_user = 20;
  /** Bytes of all uploads that a user holds: unfinished ones with their whole size, and files that are kept. */
  @IsInt() @Min(1) @Max(1_125_899_906_842_624) max_bytes_per_user = 214_748_364_800;
}

/** Limits of jobs. */
export class JobSettings {
  /** Longest video, in seconds; max_duration_s of the inspector can only be less. */
  @IsInt() @Min(3) @Max(86_400) max_duration_s = 14_400;
  /** The most that a step is tried before its job fails. Each agent has a number of its own, which can only be less. */
  @IsInt() @Min(1) @Max(10) max_attempts = 3;
  /** The longest that a try of a step may take, in seconds. Each agent has a time of its own, which can only be less. */
  @IsInt() @Min(10) @Max(86_400) step_timeout_s = 7_200;
}

/** Requests per minute. */
export class RateLimitSettings {
  /** All actions of a user together. */
  @IsInt() @Min(1) @Max(1_000_000) actions_per_minute = 50;
  /** One action of a user, if it changes nothing. */
  @IsInt() @Min(1) @Max(1_000_000) risk_read_per_minute = 500;
  /** One action of a user, if it changes something. */
  @IsInt() @Min(1) @Max(1_000_000) risk_standard_per_minute = 50;
  /** One action of a user, if it destroys or stops something. */
  @IsInt() @Min(1) @Max(1_000_000) risk_high_per_minute = 10;
  /** One action of a user, if it concerns the whole system. */
  @IsInt() @Min(1) @Max(1_000_000) risk_critical_per_minute = 5;
  /** Each action of system.* apart from system.health_check. */
  @IsInt() @Min(1) @Max(1_000_000) system_per_minute = 5;
  /** The user API, per user. */
  @IsInt() @Min(1) @Max(1_000_000) user_per_minute = 100;
  /** Reads of the admin side, per user. */
  @IsInt() @Min(1) @Max(1_000_000) admin_read_per_minute = 500;
  /** Endpoints without authentication, per address. */
  @IsInt() @Min(1) @Max(1_000_000) public_per_minute = 10;
  /** Items that bulk actions of a user touch, all together: such a run counts by what it touches. */
  @IsInt() @Min(1) @Max(1_000_000) bulk_items_per_minute = 500_000;
  /** How each of these counts. */
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => LimitKindSettings)
  kinds = new LimitKindSettings();
  /** Limits of single actions by their name, in place of what their risk gives them. */
  @IsRecordOf({ keys: ACTION_NAME, maxEntries: 200, values: { of: ActionLimit } })
  actions: Record<string, ActionLimit> = {};
}

/**
 * How long executions are kept, and how soon others go on with what a dead process was running. Shorter leases: a retry waits less; longer: a process that
 * only stood still, such as a machine that was moved, is not taken for dead. Either way nothing is done twice.
 */
export class ExecutionSettings {
  /** An action's process that was silent for so long counts as dead, in seconds. */
  @IsInt() @Min(3) @Max(600) lease_s = 30;
  /** The same for operations, in seconds. */
  @IsInt() @Min(3) @Max(600) operation_lease_s = 10;
  /** Days after which what was run is removed together with its answer. The audit keeps what was done. */
  @IsInt() @Min(1) @Max(36_500) keep_days = 30;
}

/** Sessions and lockout. */
export class AuthSettings {
  /** Life of an access token, in seconds. */
  @IsInt() @Min(30) @Max(MAX_ACCESS_TOKEN_S) access_token_s = 900;
  /** A session ends when it was not used for so long, in seconds. */
  @IsInt() @Min(60) @Max(7_776_000) session_idle_s = 604_800;
  /** A session ends so long after sign-in, in seconds, however much it is used. */
  @IsInt() @Min(60) @Max(31_536_000) session_max_s = 2_592_000;
  /** Days after its end when a session is removed, with the address and the browser that it was begun from. */
  @IsInt() @Min(1) @Max(36_500) keep_sessions_days = 30;
  /** How long the previous refresh token is still good for, in seconds, for an answer that got lost. */
  @IsInt() @Min(0) @Max(120) refresh_grace_s = 10;
  /** Wrong passwords from one address until an account is locked for it. */
  @IsInt() @Min(1) @Max(100) lockout_failures = 5;
  /** How long the lock lasts, in seconds. */
  @IsInt() @Min(1) @Max(86_400) lockout_s = 900;
}

/** Everything that an operator tunes while the system runs. Versioned in Postgres, hot in every process. */
export class Settings {
  /** Maintenance mode. */
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => MaintenanceSettings)
  maintenance = new MaintenanceSettings();

  /** Uploads: how large, how many, and how long they are kept. */
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => UploadSettings)
  uploads = new UploadSettings();

  /** What no job may exceed. */
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => JobSettings)
  jobs = new JobSettings();

  /** How often what may be asked for. */
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => RateLimitSettings)
  rate_limits = new RateLimitSettings();

  /** Sessions, and the lock after wrong passwords. */
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => AuthSettings)
  auth = new AuthSettings();

  /** What was run: how long it is kept, and when a silent process counts as dead. */
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => ExecutionSettings)
  executions = new ExecutionSettings();

  /** How long the audit is kept. */
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => AuditSettings)
  audit = new AuditSettings();

  /** How long logs are kept. */
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => LogSettings)
  logs = new LogSettings();

  /** When calls of something that fails are held back. */
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => CircuitBreakerSettings)
  circuit_breaker = new CircuitBreakerSettings();

  /** Who may run which actions from where, beyond what the actions declare. */
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => AccessSettings)
  access = new AccessSettings();

  /** Which hosts the installation calls of its own accord. */
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => OutboundSettings)
  outbound = new OutboundSettings();

  /** Which agents a new job passes through. */
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => PipelineSettings)
  pipeline = new PipelineSettings();

  /** Which workers there are, and what they do. */
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => FleetSettings)
  fleet = new FleetSettings();

  /** The read model and the numbers that it is made of. */
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => ReadModelSettings)
  read_model = new ReadModelSettings();

  /**
   * Settings of agents by their id; what is not given here keeps the agent's default. docs/agents.md says what there is,
   * `GET /api/agents/config` what is in force.
   */
  @IsDefined()
  @IsObject()
  agents: Record<string, Record<string, unknown>> = {};
}
