import { ApiProperty } from '@nestjs/swagger';

/** A process of the installation. */
export class ServiceDto {
  /** Its name. @example worker-1 */
  name!: string;
  /** What it does: api, worker or manager. @example worker */
  role!: string;
  /** The pool of a worker. @example default */
  pool!: string | null;
  /** How it stands, as who lists it says. @example running */
  state!: string;
  /** Its process on its host, where that is known. @example 4711 */
  pid!: number | null;
  /** Since when it is so. */
  since!: string | null;
  /** How often it was started again. @example 0 */
  restarts!: number | null;
  /** How it ended last; null if it did not. */
  last_exit!: string | null;
}

/** The processes in numbers, whatever the list has. */
export class ServicesTotalsDto {
  /** All of them. @example 4 */
  services!: number;
  /** Those that run. @example 4 */
  running!: number;
}

/** The processes. */
export class ServicesDto {
  /** Who lists them: the launcher, the Docker Swarm, or the processes themselves. */
  @ApiProperty({ enum: ['launcher', 'swarm', 'self-reported'] })
  source!: 'launcher' | 'swarm' | 'self-reported';
  /** The sums. */
  totals!: ServicesTotalsDto;
  /** 60 at most: of more, those that do not run, then the others. */
  services!: ServiceDto[];
}
