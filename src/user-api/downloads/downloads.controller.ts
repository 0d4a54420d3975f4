import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DownloadLinks } from '../../platform/storage/download-links';
import { AppError } from '../../platform/errors/app-error';
import { Public } from '../../platform/http/access';
import { ApiPublicErrors } from '../../platform/http/api-errors';
import { NoEnvelope } from '../../platform/http/envelope';
import { DownloadBesideParam, DownloadParam, DownloadQuery } from './downloads.dto';
import { DownloadFiles } from './download-files';
import { sendFile } from './send-file';

/** Produced files, for whoever holds a link to them. */
@ApiTags('downloads')
@Controller('api/downloads')
export class DownloadsController {
  constructor(
    @Inject(DownloadLinks) private readonly links: DownloadLinks,
    @Inject(DownloadFiles) private readonly files: DownloadFiles,
  ) {}

  /**
   * A produced file.
   *
   * @remarks The token in the link is all that is needed; it expires. One range of bytes can be asked for, so that a
   * player can seek; HEAD answers with the headers alone.
   */
  @Get(':token')
  @Public()
  @NoEnvelope()
  @ApiProduces('video/mp4', 'image/jpeg', 'application/octet-stream')
  @ApiHeader({ name: 'Range', required: false, description: 'One range, like bytes=0-1023 or bytes=-500.' })
  @ApiHeader({
    name: 'If-Range',
    required: false,
    description: 'The ETag; with another one the whole file is sent.',
  })
  @ApiHeader({
    name: 'If-None-Match',
    required: false,
    description: 'The ETag; the same one is answered with 304.',
  })
  @ApiResponse({ status: 200, description: 'The whole file.', schema: { type: 'string', format: 'binary' } })
  @ApiResponse({
    status: 206,
    description: 'The range asked for.',
    schema: { type: 'string', format: 'binary' },
  })
  @ApiResponse({ status: 304, description: 'Unchanged.' })
  @ApiPublicErrors('VALIDATION_ERROR', 'LINK_EXPIRED', 'NOT_FOUND', 'RANGE_NOT_SATISFIABLE')
  async download(
    @Param() { token }: DownloadParam,
    @Query() { inline }: DownloadQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const artifactId = this.links.artifactOf(token);
    if (artifactId === undefined) throw new AppError('LINK_EXPIRED');
    const file = await this.files.find(artifactId);
    if (!file) throw new AppError('NOT_FOUND', 'The file is no longer there.');
    await sendFile(request, reply, file, { inline: inline === '1' });
  }

  /**
   * A stream's playlist or a storyboard, and the files that it names.
   *
   * @remarks Players find the files beside the playlist, under the token of its link, which is good for no others.
   */
  @Get(':token/:name')
  @Public()
  @NoEnvelope()
  @ApiProduces('application/vnd.apple.mpegurl', 'video/iso.segment', 'video/mp4', 'text/vtt', 'image/jpeg')
  @ApiHeader({ name: 'Range', required: false, description: 'One range, like bytes=0-1023 or bytes=-500.' })
  @ApiResponse({ status: 200, description: 'The whole file.', schema: { type: 'string', format: 'binary' } })
  @ApiResponse({
    status: 206,
    description: 'The range asked for.',
    schema: { type: 'string', format: 'binary' },
  })
  @ApiResponse({ status: 304, description: 'Unchanged.' })
  @ApiPublicErrors('VALIDATION_ERROR', 'LINK_EXPIRED', 'NOT_FOUND', 'RANGE_NOT_SATISFIABLE')
  async beside(
    @Param() { token, name }: DownloadBesideParam,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const entryId = this.links.artifactOf(token);
    if (entryId === undefined) throw new AppError('LINK_EXPIRED');
    const file = await this.files.findBeside(entryId, name);
    if (!file) throw new AppError('NOT_FOUND', 'The file is no longer there.');
    await sendFile(request, reply, file, { inline: true });
  }
}
