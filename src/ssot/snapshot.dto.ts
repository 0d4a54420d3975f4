import { ApiExtraModels, ApiProperty, ApiPropertyOptional, getSchemaPath } from '@nestjs/swagger';
import { AgentsWorkersDto } from './dto/agents-workers.dto';
import { AnalyticsDto } from './dto/analytics.dto';
import { DashboardDto } from './dto/dashboard.dto';
import { LogsDto } from './dto/logs.dto';
import { ManagersDto } from './dto/managers.dto';
import { QueuesDto } from './dto/queues.dto';
import { ServicesDto } from './dto/services.dto';
import { SystemDto } from './dto/system.dto';

/** What is known about one section. */
export class SectionMetaDto {
  /** When its numbers were read. */
  as_of!: Date;
  /**
   * True when it could not be read for this version; its numbers are older then, or null if there never were any, or
   * they are older than settings.read_model.max_stale_s.
   */
  stale!: boolean;
  /** Changes with the section's content, not with time. @example Qm9ndXMgaGFzaCEh */
  hash!: string;
}

/** Everything an operator looks at. Sections that were not asked for are absent. */
@ApiExtraModels(SectionMetaDto)
export class SnapshotDto {
  /** Rises with each build: when it began, in microseconds by Redis' clock. @example 1767268800000000 */
  version!: number;
  /** The form of this document: what was cached in another is not used. @example 5 */
  format!: number;
  /** When the build began. */
  as_of!: Date;
  /** Whether any of the sections is. */
  stale!: boolean;
  /** What is known about each section, by its name. */
  @ApiProperty({ type: 'object', additionalProperties: { $ref: getSchemaPath(SectionMetaDto) } })
  sections!: Record<string, SectionMetaDto>;
  /** The first page: a sentence and the numbers behind it. */
  @ApiPropertyOptional()
  dashboard!: DashboardDto | null;
  /** Agents and workers. */
  @ApiPropertyOptional()
  agents_workers!: AgentsWorkersDto | null;
  /** The same as `agents_workers`, under its older name. */
  @ApiPropertyOptional()
  agents!: AgentsWorkersDto | null;
  /** The queues, and how fast they are. */
  @ApiPropertyOptional()
  queue!: QueuesDto | null;
  /** What came of jobs in the last 24 hours. */
  @ApiPropertyOptional()
  analytics!: AnalyticsDto | null;
  /** What happened lately. */
  @ApiPropertyOptional()
  logs!: LogsDto | null;
  /** The control loops. */
  @ApiPropertyOptional()
  managers!: ManagersDto | null;
  /** The processes. */
  @ApiPropertyOptional()
  services!: ServicesDto | null;
  /** What everything runs on. */
  @ApiPropertyOptional()
  system!: SystemDto | null;
}

/** The dashboard alone. */
export class DashboardViewDto {
  /** That of the snapshot. @example 1767268800000000 */
  version!: number;
  /** When the numbers of the dashboard were read. */
  as_of!: Date;
  /** Whether they could not be read for this version. */
  stale!: boolean;
  /** A sentence and the numbers behind it; null if there never were any. */
  dashboard!: DashboardDto | null;
}

/** The answer with all sections, or those that were asked for. */
export class SnapshotAnswerDto {
  /** Always true. */
  @ApiProperty({ enum: [true] })
  success!: true;
  /** The snapshot. */
  data!: SnapshotDto;
  /** When its build began. */
  timestamp!: Date;
}

/** The answer with the dashboard alone. */
export class DashboardAnswerDto {
  /** Always true. */
  @ApiProperty({ enum: [true] })
  success!: true;
  /** The dashboard. */
  data!: DashboardViewDto;
  /** When the build of its snapshot began. */
  timestamp!: Date;
}
