import { Module } from '@nestjs/common';
import { ChunkReceiver } from './chunk-receiver';
import { UploadFiles } from './upload-files';
import { UploadFinalizer } from './upload-finalizer';
import { UploadRetention } from './upload-retention.manager';
import { UploadStore } from './upload-store';
import { UploadSweeper } from './upload-sweeper.manager';
import { UploadsService } from './uploads.service';

/** Files on their way in. The sweeper and the retention run only where the host of the control loops does. */
@Module({
  providers: [
    UploadStore,
    UploadFiles,
    UploadsService,
    ChunkReceiver,
    UploadFinalizer,
    UploadSweeper,
    UploadRetention,
  ],
  exports: [UploadsService, ChunkReceiver, UploadFinalizer],
})
export class UploadsModule {}
