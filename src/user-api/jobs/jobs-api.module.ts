import { Module } from '@nestjs/common';
import { FlowModule } from '../../media/flow/flow.module';
import { ClipsApiModule } from '../clips/clips-api.module';
import { JobQueries } from './job-queries';
import { JobsController } from './jobs.controller';

/** /api/jobs */
@Module({ imports: [FlowModule, ClipsApiModule], controllers: [JobsController], providers: [JobQueries] })
export class JobsApiModule {}
