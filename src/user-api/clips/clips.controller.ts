import { Controller, Get, Header, Inject, Param } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { AppError } from '../../platform/errors/app-error';
import { ApiData } from '../../platform/http/api-data';
import { ApiErrors } from '../../platform/http/api-errors';
import { CurrentActor } from '../../platform/http/current-actor';
import { type Actor, mayReadAll } from '../../platform/security/roles';
import { ClipQueries } from './clip-queries';
import { ClipIdParam, ClipView } from './clips.dto';

/** The clips that came out. */
@ApiTags('clips')
@ApiBearerAuth()
@Controller('api/clips')
export class ClipsController {
  constructor(@Inject(ClipQueries) private readonly clips: ClipQueries) {}

  /** A clip: where it is from, why it was chosen, and links to its files. */
  @Get(':clip_id')
  @Header('cache-control', 'no-store')
  @ApiData(ClipView)
  @ApiErrors('VALIDATION_ERROR', 'CLIP_NOT_FOUND', 'MAINTENANCE')
  async get(@CurrentActor() actor: Actor, @Param() { clip_id }: ClipIdParam): Promise<ClipView> {
    const clip = await this.clips.find(clip_id, mayReadAll(actor.role) ? undefined : actor.userId);
    if (!clip) throw new AppError('CLIP_NOT_FOUND');
    return clip;
  }
}
