import { ApiExtraModels, ApiProperty, getSchemaPath } from '@nestjs/swagger';
import { SectionMetaDto } from './snapshot.dto';

/** What is known about one section, and how old it is. */
export class SectionHealthDto extends SectionMetaDto {
  /** Seconds since its numbers were read. @example 3 */
  age_s!: number;
}

/** How the read model fares, as the answering process sees it. */
@ApiExtraModels(SectionHealthDto)
export class SsotHealthDto {
  /** `stale`: a section could not be read lately; `empty`: there is no snapshot at all. */
  @ApiProperty({ enum: ['fresh', 'stale', 'empty'] })
  status!: 'fresh' | 'stale' | 'empty';
  /** That of the snapshot; null without one. @example 1767268800000000 */
  version!: number | null;
  /** When its build began. */
  as_of!: Date | null;
  /** Of the oldest section, in seconds. @example 3 */
  age_s!: number | null;
  /** `direct`: built by this process for itself, for want of Redis. */
  @ApiProperty({ enum: ['cache', 'direct'], nullable: true })
  source!: 'cache' | 'direct' | null;
  /** Whether this process would hear of an invalidation. */
  connected!: boolean;
  /** What is known about each section, by its name. */
  @ApiProperty({ type: 'object', additionalProperties: { $ref: getSchemaPath(SectionHealthDto) } })
  sections!: Record<string, SectionHealthDto>;
}
