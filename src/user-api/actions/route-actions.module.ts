import { Module } from '@nestjs/common';
import { PipelineModule } from '../../pipeline/pipeline.module';
import { RouteActions } from './route-actions';

/** For routes of the user API that run actions. */
@Module({ imports: [PipelineModule], providers: [RouteActions], exports: [RouteActions] })
export class RouteActionsModule {}
