/** What happened in one hour. */
export class HourDto {
  /** The hour's beginning, by UTC. */
  hour!: Date;
  /** Jobs that were made. @example 41 */
  created!: number;
  /** Jobs that were completed. @example 38 */
  completed!: number;
  /** Jobs that failed. @example 2 */
  failed!: number;
  /** Jobs that were cancelled. @example 0 */
  cancelled!: number;
}

/** A cause of failures. */
export class CauseDto {
  /** A code of docs/errors.md. @example NO_VIDEO */
  error_code!: string;
  /** Jobs that failed with it. @example 7 */
  count!: number;
}

/** What came of jobs in the last 24 hours: 23 whole ones, and what there is of this one. */
export class AnalyticsDto {
  /** Hour by hour, the oldest first; an hour in which nothing happened is not there. */
  hours!: HourDto[];
  /** failed / (completed + failed), 0 to 1; null if there were neither. @example 0.0215 */
  failure_rate_24h!: number | null;
  /** From creation to completion, of half of the completed jobs at most so many seconds; exact to 4.4 %. @example 310 */
  duration_s_p50!: number | null;
  /** The same of 95 of 100. @example 1260 */
  duration_s_p95!: number | null;
  /** Why jobs failed, the commonest cause first, 10 at most. */
  failures_24h!: CauseDto[];
}
