import { Module } from '@nestjs/common';
import { WorkersModule } from '../../fleet/workers/workers.module';
import { FlowModule } from '../../media/flow/flow.module';
import { JobsApiModule } from '../jobs/jobs-api.module';
import { AnalyticsController } from './analytics.controller';
import { Analytics } from './analytics.service';

/** /api/analytics */
@Module({
  imports: [FlowModule, WorkersModule, JobsApiModule],
  controllers: [AnalyticsController],
  providers: [Analytics],
})
export class AnalyticsApiModule {}
