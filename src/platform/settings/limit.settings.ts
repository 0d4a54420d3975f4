import { IsIn, IsInt, Max, Min } from 'class-validator';

/**
 * How a limit counts. `sliding`: at most `limit` in any stretch of the window, exactly. `bucket`: `limit` at once,
 * refilled evenly over the window. `fixed`: `limit` per window, which begins with its first request.
 */
export const LIMIT_KINDS = ['sliding', 'bucket', 'fixed'] as const;
export type LimitKind = (typeof LIMIT_KINDS)[number];

/** How each of the limits counts. */
export class LimitKindSettings {
  /** All actions of a user together. */
  @IsIn(LIMIT_KINDS) actions: LimitKind = 'sliding';
  /** Twice the rate over 10 seconds. */
  @IsIn(LIMIT_KINDS) burst: LimitKind = 'bucket';
  /** One action of a user that changes nothing. */
  @IsIn(LIMIT_KINDS) risk_read: LimitKind = 'sliding';
  /** One action of a user that changes something. */
  @IsIn(LIMIT_KINDS) risk_standard: LimitKind = 'sliding';
  /** One action of a user that destroys or stops something. */
  @IsIn(LIMIT_KINDS) risk_high: LimitKind = 'sliding';
  /** One action of a user that concerns the whole system. */
  @IsIn(LIMIT_KINDS) risk_critical: LimitKind = 'sliding';
  /** Each action of system.* apart from system.health_check. */
  @IsIn(LIMIT_KINDS) system: LimitKind = 'sliding';
  /** What bulk actions of a user touch. */
  @IsIn(LIMIT_KINDS) items: LimitKind = 'sliding';
  /** The user API, per user. */
  @IsIn(LIMIT_KINDS) user: LimitKind = 'sliding';
  /** Reads of the admin side, per user. Hits of the read model are counted per process, in fixed windows. */
  @IsIn(LIMIT_KINDS) admin_read: LimitKind = 'sliding';
  /** Endpoints without authentication, per address. */
  @IsIn(LIMIT_KINDS) public: LimitKind = 'fixed';
}

/** A limit of one action, in place of the one that its risk gives it. */
export class ActionLimit {
  /** Runs per user in a window. */
  @IsInt() @Min(1) @Max(1_000_000) limit!: number;
  /** Length of the window, in seconds. */
  @IsInt() @Min(1) @Max(86_400) window_s = 60;
  /** How it counts. */
  @IsIn(LIMIT_KINDS) kind: LimitKind = 'sliding';
}
