import { Controller, Get, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiExtraModels, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Roles } from '../platform/http/access';
import { ApiData } from '../platform/http/api-data';
import { ApiErrors } from '../platform/http/api-errors';
import { sendSnapshot, type View } from './snapshot-answer';
import { DashboardAnswerDto, DashboardViewDto, SnapshotAnswerDto, SnapshotDto } from './snapshot.dto';
import { SsotHealthDto } from './ssot-health.dto';
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

  /** Everything an operator looks at. */
  @Get()
  @ApiOperation({ summary: 'The read model: all sections', description: NOTE })
  @ApiResponse({
    status: 200,
    type: SnapshotAnswerDto,
    description: 'All sections, each with its age and state.',
  })
  @ApiResponse({ status: 304, description: 'The content is the one that If-None-Match names.' })
  @ApiErrors('FORBIDDEN', 'IP_NOT_ALLOWED', 'SERVICE_UNAVAILABLE')
  full(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.send(request, reply, (snapshot) => snapshot.full);
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
  async health(): Promise<SsotHealthDto> {
    // Asked first, so that a process which nobody has read from yet does not say it has none.
    const snapshot = await this.ssot.read().then(
      (reading) => reading.snapshot,
      () => undefined,
    );
    return {
      status: snapshot === undefined ? 'empty' : snapshot.document.stale ? 'stale' : 'fresh',
      version: snapshot?.version ?? null,
      as_of: snapshot?.document.as_of ?? null,
      age_s: snapshot?.ageS ?? null,
      source: snapshot?.source ?? null,
      connected: this.ssot.connected,
      sections: snapshot?.document.sections ?? {},
    };
  }

  private async send(request: FastifyRequest, reply: FastifyReply, view: View): Promise<void> {
    sendSnapshot(request, reply, view, await this.ssot.read());
  }
}
