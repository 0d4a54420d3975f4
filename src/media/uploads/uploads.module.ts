import { Module } from '@nestjs/common';
import { ChunkReceiver } from './chunk-receiver';
import { UploadFiles } from './upload-files';
import { UploadFinalizer } from './upload-finalizer';
import { UploadStore } from './upload-store';
import { UploadSweeper } from './upload-sweeper.manager';
import { UploadsService } from './uploads.service';

/** Files on their way in. The sweeper runs only where the host of the control loops does. */
@Module({
  providers: [UploadStore, UploadFiles, UploadsService, ChunkReceiver, UploadFinalizer, UploadSweeper],
  exports: [UploadsService, ChunkReceiver, UploadFinalizer],
})
export class UploadsModule {}
