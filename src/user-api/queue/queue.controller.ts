import { Controller, Get, Header, Inject } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { ApiData } from '../../platform/http/api-data';
import { ApiErrors } from '../../platform/http/api-errors';
import { CurrentActor } from '../../platform/http/current-actor';
import type { Actor } from '../../platform/security/roles';
import { ownerScope } from '../owner-scope';
import { QueueNumbers } from './queue-numbers';
import { QueueDetailsView, QueueStatsView, QueueStatusView } from './queue.dto';

/** The queues, one for each agent. Users see the steps of their jobs in them, staff those of everybody. */
@ApiTags('queue')
@ApiBearerAuth()
@Controller('api/queue')
export class QueueController {
  constructor(@Inject(QueueNumbers) private readonly numbers: QueueNumbers) {}

  /** How many steps wait and run in each queue, and which queues are paused. */
  @Get('status')
  @Header('cache-control', 'no-store')
  @ApiData(QueueStatusView)
  @ApiErrors('SERVICE_UNAVAILABLE', 'MAINTENANCE')
  status(@CurrentActor() actor: Actor): Promise<QueueStatusView> {
    return this.numbers.status(ownerScope(actor));
  }

  /** The same with the workers of each queue, how long something has been waiting, and what comes next. */
  @Get('details')
  @Header('cache-control', 'no-store')
  @ApiData(QueueDetailsView)
  @ApiErrors('SERVICE_UNAVAILABLE', 'MAINTENANCE')
  details(@CurrentActor() actor: Actor): Promise<QueueDetailsView> {
    return this.numbers.details(ownerScope(actor));
  }

  /** What each queue did in the last hour: how much, how well, how fast. */
  @Get('stats')
  @Header('cache-control', 'no-store')
  @ApiData(QueueStatsView)
  @ApiErrors('SERVICE_UNAVAILABLE', 'MAINTENANCE')
  stats(@CurrentActor() actor: Actor): Promise<QueueStatsView> {
    return this.numbers.stats(ownerScope(actor));
  }
}
