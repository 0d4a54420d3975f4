import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsString, Matches, MaxLength } from 'class-validator';
import { MayBeAbsent } from '../../pipeline/catalogue/fields';

/** Which file. */
export class DownloadParam {
  /** The last part of a `download_url`. */
  @IsString()
  @MaxLength(1_000)
  token!: string;
}

/** Which file beside another. */
export class DownloadBesideParam extends DownloadParam {
  /** As the playlist or the storyboard names it. @example clip-1-16x9-hls-000.m4s */
  @Matches(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/)
  name!: string;
}

/** How it is wanted. */
export class DownloadQuery {
  /** `1` lets a browser show a picture or play a video instead of saving it. @example 1 */
  @ApiPropertyOptional({ enum: ['0', '1'] })
  @MayBeAbsent()
  @IsIn(['0', '1'])
  inline?: '0' | '1';
}
