import { Controller, Get, Header, Inject, Param, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { AppError } from '../../platform/errors/app-error';
import { ApiData } from '../../platform/http/api-data';
import { ApiErrors } from '../../platform/http/api-errors';
import { CurrentActor } from '../../platform/http/current-actor';
import type { Paginated } from '../../platform/http/envelope';
import type { Actor } from '../../platform/security/roles';
import { ownerScope } from '../owner-scope';
import { PageQuery, pageOf, sliceOf } from '../paging.dto';
import { ClipQueries } from './clip-queries';
import { ClipIdParam, ClipView } from './clips.dto';

/** The clips that came out. */
@ApiTags('clips')
@ApiBearerAuth()
@Controller('api/clips')
export class ClipsController {
  constructor(@Inject(ClipQueries) private readonly clips: ClipQueries) {}

  /** Clips, newest first: one's own, or for staff those of everybody; with links to their files. */
  @Get('recent')
  @Header('cache-control', 'no-store')
  @ApiData(ClipView, { list: 'paged' })
  @ApiErrors('VALIDATION_ERROR', 'MAINTENANCE')
  async recent(@CurrentActor() actor: Actor, @Query() query: PageQuery): Promise<Paginated<ClipView>> {
    const userId = ownerScope(actor);
    const slice = sliceOf(query);
    const [clips, total] = await Promise.all([this.clips.recent(userId, slice), this.clips.total(userId)]);
    return pageOf(
      query,
      clips,
      total,
      (clip) => clip.clip_id,
      (clip) => clip,
    );
  }

  /** A clip: where it is from, why it was chosen, and links to its files. */
  @Get(':clip_id')
  @Header('cache-control', 'no-store')
  @ApiData(ClipView)
  @ApiErrors('VALIDATION_ERROR', 'CLIP_NOT_FOUND', 'MAINTENANCE')
  async get(@CurrentActor() actor: Actor, @Param() { clip_id }: ClipIdParam): Promise<ClipView> {
    const clip = await this.clips.find(clip_id, ownerScope(actor));
    if (!clip) throw new AppError('CLIP_NOT_FOUND');
    return clip;
  }
}
