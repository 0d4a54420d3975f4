import { ApiProperty } from '@nestjs/swagger';

/** Redis, as it tells of itself. */
export class RedisFactsDto {
  /** Its version. @example 7.0.15 */
  version!: string;
  /** Memory that it uses, in bytes. @example 1800000 */
  used_memory_bytes!: number;
  /** Connections that it has. @example 12 */
  clients!: number;
}

/** Postgres, as it tells of itself. */
export class PostgresFactsDto {
  /** Its version. @example 15.18 */
  version!: string;
  /** What the database takes on disk, in bytes. @example 340000000 */
  size_bytes!: number;
  /** Connections to the database. @example 14 */
  connections!: number;
  /** Connections that there may be. @example 100 */
  max_connections!: number;
}

/** A dependency's circuit breaker, shared by all processes. */
export class CircuitDto {
  /** What it stands before. */
  @ApiProperty({ enum: ['postgres', 'redis', 'queue', 'storage'] })
  dependency!: 'postgres' | 'redis' | 'queue' | 'storage';
  /** `closed`: calls pass; `open`: they are refused; `probing`: one is tried. */
  @ApiProperty({ enum: ['closed', 'open', 'probing'] })
  state!: 'closed' | 'open' | 'probing';
  /** Whether an operator holds it so, by settings.circuit_breaker.forced. */
  forced!: boolean;
  /** How often it has opened in a row. @example 0 */
  trips!: number;
  /** When it may be tried again; null unless it is open. */
  open_until!: Date | null;
}

/** The space for files. */
export class StorageFactsDto {
  /** All of it, in bytes. @example 250000000000 */
  total_bytes!: number;
  /** What is free, in bytes. @example 180000000000 */
  free_bytes!: number;
}

/** Maintenance mode. */
export class MaintenanceDto {
  /** Whether the user API answers 503. */
  enabled!: boolean;
  /** What users are told. */
  message!: string | null;
  /** When it is expected to end. */
  until!: string | null;
}

/** What everything runs on. */
export class SystemDto {
  /** Maintenance mode. */
  maintenance!: MaintenanceDto;
  /** The version of the settings that holds; 0 before there is one. @example 3 */
  settings_version!: number;
  /** The database. */
  postgres!: PostgresFactsDto;
  /** Null while Redis is away. */
  redis!: RedisFactsDto | null;
  /** Of each dependency of actions; null while Redis is away. */
  circuits!: CircuitDto[] | null;
  /** Of the folder for files; null where the answering process has none. */
  storage!: StorageFactsDto | null;
}
