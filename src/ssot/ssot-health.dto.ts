import { SectionMetaDto } from './snapshot.dto';

/** How the read model fares, as the answering process sees it. */
export class SsotHealthDto {
  /** `stale`: a section could not be read lately; `empty`: there is no snapshot at all. */
  status!: 'fresh' | 'stale' | 'empty';
  version!: number | null;
  as_of!: Date | null;
  /** Of the oldest section, in seconds. */
  age_s!: number | null;
  /** `direct`: built by this process for itself, for want of Redis. */
  source!: 'cache' | 'direct' | null;
  /** Whether this process would hear of an invalidation. */
  connected!: boolean;
  sections!: Record<string, SectionMetaDto>;
}
