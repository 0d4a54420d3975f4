import { Module } from '@nestjs/common';
import { PipelineHttpModule } from '../pipeline/http/pipeline-http.module';
import { ActionFront } from './actions/action-front';
import { ActionRefusals } from './actions/action-refusals';
import { AnalyticsApiModule } from './analytics/analytics-api.module';
import { AgentsApiModule } from './agents/agents-api.module';
import { AuthModule } from './auth/auth.module';
import { ClipsApiModule } from './clips/clips-api.module';
import { DownloadsApiModule } from './downloads/downloads-api.module';
import { JobsApiModule } from './jobs/jobs-api.module';
import { QueueApiModule } from './queue/queue-api.module';
import { UploadsApiModule } from './uploads/uploads-api.module';

/** The API for those who use the product: sign-in, uploads, jobs, clips and their files, queues and numbers. */
@Module({
  imports: [
    PipelineHttpModule,
    AuthModule,
    UploadsApiModule,
    JobsApiModule,
    AgentsApiModule,
    ClipsApiModule,
    DownloadsApiModule,
    QueueApiModule,
    AnalyticsApiModule,
  ],
  providers: [ActionFront, ActionRefusals],
  exports: [AuthModule],
})
export class UserApiModule {}
