import { Module } from '@nestjs/common';
import { WorkersModule } from '../../fleet/workers/workers.module';
import { FlowModule } from '../../media/flow/flow.module';
import { RollupsModule } from '../../media/rollups/rollups.module';
import { JobsApiModule } from '../jobs/jobs-api.module';
import { AnalyticsController } from './analytics.controller';
import { Analytics } from './analytics.service';

/** /api/analytics */
@Module({
  imports: [FlowModule, RollupsModule, WorkersModule, JobsApiModule],
  controllers: [AnalyticsController],
  providers: [Analytics],
})
export class AnalyticsApiModule {}
