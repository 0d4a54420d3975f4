import { IsInt, Max, Min } from 'class-validator';

/** The read model and the roll-ups that it is made of. */
export class ReadModelSettings {
  /** How old the last snapshot may be that is served, marked stale, while nothing newer can be read, in seconds. */
  @IsInt() @Min(15) @Max(86_400) max_stale_s = 300;
  /** How long numbers by the hour are kept, in days. */
  @IsInt() @Min(2) @Max(400) hours_kept_days = 40;
  /** How long numbers by the day are kept, in days. Failed steps that are older count as such no more. */
  @IsInt() @Min(31) @Max(3_650) days_kept_days = 730;
}
