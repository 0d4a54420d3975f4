import { Controller, Get, Header, Inject, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { ApiData } from '../../platform/http/api-data';
import { ApiErrors } from '../../platform/http/api-errors';
import { CurrentActor } from '../../platform/http/current-actor';
import type { Actor } from '../../platform/security/roles';
import { ownerScope } from '../owner-scope';
import { AnalyticsMetrics, AnalyticsQuery } from './analytics.dto';
import { Analytics } from './analytics.service';

/** Numbers over time. */
@ApiTags('analytics')
@ApiBearerAuth()
@Controller('api/analytics')
export class AnalyticsController {
  constructor(@Inject(Analytics) private readonly analytics: Analytics) {}

  /**
   * What came of the jobs of a period: how many, how well, how fast, and why some failed.
   *
   * @remarks Users see the numbers of their jobs, staff those of everybody and how busy the installation is.
   */
  @Get('metrics')
  @Header('cache-control', 'no-store')
  @ApiData(AnalyticsMetrics)
  @ApiErrors('VALIDATION_ERROR', 'SERVICE_UNAVAILABLE', 'MAINTENANCE')
  metrics(@CurrentActor() actor: Actor, @Query() { period }: AnalyticsQuery): Promise<AnalyticsMetrics> {
    return this.analytics.metrics(period, ownerScope(actor));
  }
}
