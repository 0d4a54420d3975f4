import { Module } from '@nestjs/common';
import { BlobStore } from './blob-store';
import { FolderBlobStore } from './folder-blob-store';

/** Where files live. */
@Module({
  providers: [{ provide: BlobStore, useClass: FolderBlobStore }],
  exports: [BlobStore],
})
export class StorageModule {}
