import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsString, MaxLength } from 'class-validator';
import { MayBeAbsent } from '../../pipeline/catalogue/fields';

/** Which file. */
export class DownloadParam {
  /** The last part of a `download_url`. */
  @IsString()
  @MaxLength(1_000)
  token!: string;
}

/** How it is wanted. */
export class DownloadQuery {
  /** `1` lets a browser show a picture or play a video instead of saving it. @example 1 */
  @ApiPropertyOptional({ enum: ['0', '1'] })
  @MayBeAbsent()
  @IsIn(['0', '1'])
  inline?: '0' | '1';
}
