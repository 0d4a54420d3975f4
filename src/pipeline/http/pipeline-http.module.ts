import { Module } from '@nestjs/common';
import { PipelineModule } from '../pipeline.module';
import { ActionController } from './action.controller';
import { StatusReader } from './status-reader';

/** The write endpoint; for api processes. */
@Module({ imports: [PipelineModule], controllers: [ActionController], providers: [StatusReader] })
export class PipelineHttpModule {}
