import { ApiPropertyOptional } from '@nestjs/swagger';
import { Matches, MaxLength } from 'class-validator';
import { MayBeAbsent } from '../pipeline/catalogue/fields';
import { PICKABLE, PICKS } from './picks';

/** Which sections. */
export class SsotQuery {
  /** Names of sections, by commas; all of them if it is not given. */
  @ApiPropertyOptional({ example: 'dashboard,queue', pattern: PICKS.source })
  @MayBeAbsent()
  @MaxLength(200)
  @Matches(PICKS, { message: `sections must be one or more of ${PICKABLE.join(', ')}, separated by commas` })
  sections?: string;
}
