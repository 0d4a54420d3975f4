import { Module } from '@nestjs/common';
import { PipelineModule } from '../pipeline.module';
import { ActionController } from './action.controller';
import { ActionEndpoint } from './action-endpoint';
import { StatusReader } from './status-reader';

/** The write endpoint; for api processes. */
@Module({
  imports: [PipelineModule],
  controllers: [ActionController],
  providers: [StatusReader, ActionEndpoint],
  exports: [ActionEndpoint],
})
export class PipelineHttpModule {}
