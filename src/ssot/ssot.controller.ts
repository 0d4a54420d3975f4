import { Controller, Get, Query, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiExtraModels, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { varyBy } from '../platform/http/vary';
import { Roles } from '../platform/http/access';
import { ApiData } from '../platform/http/api-data';
import { ApiErrors } from '../platform/http/api-errors';
import { pickView, sendSnapshot, type View } from './snapshot-answer';
import { DashboardAnswerDto, DashboardViewDto, SnapshotAnswerDto, SnapshotDto } from './snapshot.dto';
import { type SectionHealthDto, SsotHealthDto } from './ssot-health.dto';
import { SsotQuery } from './ssot-query.dto';
import { SsotService } from './ssot.service';

const NOTE =
  'Prepared bytes: `trace_id` and the time taken are in the headers X-Trace-Id and Server-Timing. ' +
  'The ETag stands for the content; times and heartbeats alone do not change it. ' +
  'X-Cache tells `hit`, `miss` or `stale`; Age is that of the oldest section, in seconds.';

/** The read model. Plain reads are answered in front of the router (front-path.ts); what is refused or has a query comes here. */
@ApiTags('admin')
@ApiBearerAuth()
@ApiExtraModels(SnapshotDto, DashboardViewDto)
@Roles('admin', 'operator', 'supervisor', 'readonly')
@Controller('api/admin/ssot')
export class SsotController {
  constructor(private readonly ssot: SsotService) {}

  /** Everything an operator looks at, or the sections that are named; what is not asked for is not in the answer. */
  @Get()
  @ApiOperation({ summary: 'The read model: all sections, or some', description: NOTE })
  @ApiResponse({
    status: 200,
    type: SnapshotAnswerDto,
    description: 'All sections, each with its age and state.',
  })
  @ApiResponse({ status: 304, description: 'The content is the one that If-None-Match names.' })
  @ApiErrors('VALIDATION_ERROR', 'FORBIDDEN', 'IP_NOT_ALLOWED', 'SERVICE_UNAVAILABLE')
  full(
    @Query() { sections }: SsotQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.send(request, reply, sections ? pickView(sections) : (snapshot) => snapshot.full);
  }

  /** The dashboard section alone. */
  @Get('dashboard')
  @ApiOperation({ summary: 'The read model: the dashboard alone', description: NOTE })
  @ApiResponse({ status: 200, type: DashboardAnswerDto, description: 'The dashboard section.' })
  @ApiResponse({ status: 304, description: 'The content is the one that If-None-Match names.' })
  @ApiErrors('FORBIDDEN', 'IP_NOT_ALLOWED', 'SERVICE_UNAVAILABLE')
  dashboard(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.send(request, reply, (snapshot) => snapshot.dashboard);
  }

  /** Version, age and state of each section. */
  @Get('health')
  @ApiOperation({ summary: 'The read model: how fresh it is' })
  @ApiData(SsotHealthDto, { description: 'Version, age and state of each section.' })
  @ApiErrors('FORBIDDEN', 'IP_NOT_ALLOWED')
  async health(@Res({ passthrough: true }) reply: FastifyReply): Promise<SsotHealthDto> {
    // Asked first, so that a process which nobody has read from yet does not say it has none.
    const reading = await this.ssot.read().catch(() => undefined);
    const snapshot = reading?.snapshot;
    const cache = reading?.cache ?? 'miss';
    reply.headers({ 'cache-control': 'no-store', 'x-cache': cache, 'server-timing': `cache;desc=${cache}` });
    varyBy(reply, 'Authorization');
    return {
      // What could not be built anew is not fresh, though all of it was when it was built.
      status: snapshot === undefined ? 'empty' : cache === 'stale' ? 'stale' : 'fresh',
      version: snapshot?.version ?? null,
      as_of: snapshot?.document.as_of ?? null,
      age_s: snapshot?.ageS ?? null,
      source: snapshot?.source ?? null,
      connected: this.ssot.connected,
      sections: snapshot ? agesOf(snapshot.document.sections) : {},
    };
  }

  private async send(request: FastifyRequest, reply: FastifyReply, view: View): Promise<void> {
    sendSnapshot(request, reply, view, await this.ssot.read());
  }
}

/** What is known about the sections, with the seconds since each was read. */
function agesOf(sections: SnapshotDto['sections']): Record<string, SectionHealthDto> {
  const now = Date.now();
  return Object.fromEntries(
    Object.entries(sections).map(([name, meta]) => [
      name,
      { ...meta, age_s: Math.max(0, Math.round((now - new Date(meta.as_of).getTime()) / 1000)) },
    ]),
  );
}
