import { Module } from '@nestjs/common';
import { FlowModule } from '../../media/flow/flow.module';
import { RouteActionsModule } from '../actions/route-actions.module';
import { ClipsApiModule } from '../clips/clips-api.module';
import { JobActionsController } from './job-actions.controller';
import { JobListsController } from './job-lists.controller';
import { JobQueries } from './job-queries';
import { JobStatistics } from './job-statistics';
import { JobsController } from './jobs.controller';

/** /api/jobs */
@Module({
  imports: [FlowModule, RouteActionsModule, ClipsApiModule],
  controllers: [JobListsController, JobsController, JobActionsController],
  providers: [JobQueries, JobStatistics],
  exports: [JobStatistics],
})
export class JobsApiModule {}
