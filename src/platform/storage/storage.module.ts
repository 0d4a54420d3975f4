import { Module } from '@nestjs/common';
import { SecurityModule } from '../security/security.module';
import { BlobStore } from './blob-store';
import { DownloadLinks } from './download-links';
import { FolderBlobStore } from './folder-blob-store';

/** Where files live, and links to them. */
@Module({
  imports: [SecurityModule],
  providers: [{ provide: BlobStore, useClass: FolderBlobStore }, DownloadLinks],
  exports: [BlobStore, DownloadLinks],
})
export class StorageModule {}
