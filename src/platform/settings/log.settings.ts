import { IsInt, Max, Min } from 'class-validator';

/** How long logs are kept. */
export class LogSettings {
  /** Days after which system events are removed, a day at a time. */
  @IsInt() @Min(1) @Max(3_650) keep_days = 30;
}
