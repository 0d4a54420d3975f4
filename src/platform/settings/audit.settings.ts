import { IsInt, IsOptional, Max, Min } from 'class-validator';

/** How long the audit is kept. */
export class AuditSettings {
  /**
   * Days after which sealed entries are retired and, a day later, removed, a signed tombstone taking their place;
   * null = entries are kept for ever.
   */
  @IsOptional() @IsInt() @Min(30) @Max(36_500) keep_days: number | null = null;
}
