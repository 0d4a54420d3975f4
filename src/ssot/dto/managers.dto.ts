import { ApiProperty } from '@nestjs/swagger';

/** A control loop. */
export class ManagerDto {
  /** Its name. @example cache-warmer */
  manager!: string;
  /** `leaderless`: no process leads it; `failing`: its last run failed. */
  @ApiProperty({ enum: ['running', 'failing', 'leaderless'] })
  status!: 'running' | 'failing' | 'leaderless';
  /** The process that leads it, or led it last. @example manager-1/019aa3f1-8b00-7a11-9c2d-3e4f5a6b7c8d */
  leader!: string;
  /** How often the lead changed hands. @example 3 */
  fence!: number;
  /** How often it ran. @example 5120 */
  runs!: number;
  /** How often it failed. @example 0 */
  failures!: number;
  /** What the last run failed with; null if it did not. */
  last_error!: string | null;
  /** When it ran last. */
  last_run_at!: Date | null;
  /** How long that took, in milliseconds. @example 12 */
  last_duration_ms!: number | null;
}

/** The control loops in numbers. */
export class ManagersTotalsDto {
  /** All of them. @example 8 */
  managers!: number;
  /** Those that run as they should. @example 8 */
  running!: number;
  /** Those whose last run failed. @example 0 */
  failing!: number;
  /** Those that no process leads. @example 0 */
  leaderless!: number;
}

/** The control loops. */
export class ManagersDto {
  /** The sums. */
  totals!: ManagersTotalsDto;
  /** All of them, by name. */
  managers!: ManagerDto[];
}
