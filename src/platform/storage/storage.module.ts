import { Module } from '@nestjs/common';
import { SecurityModule } from '../security/security.module';
import { ENV, type Env } from '../settings/env';
import { BlobStore } from './blob-store';
import { DownloadLinks } from './download-links';
import { FolderBlobStore } from './folder-blob-store';

/** The client of S3 is only loaded where it is used: it is larger than all else here. */
async function blobStore(env: Env): Promise<BlobStore> {
  if (!env.s3) return new FolderBlobStore(env);
  const { S3BlobStore } = await import('./s3/s3-blob-store.js');
  return new S3BlobStore(env, env.s3);
}

/** Where files live, and links to them. */
@Module({
  imports: [SecurityModule],
  providers: [{ provide: BlobStore, inject: [ENV], useFactory: blobStore }, DownloadLinks],
  exports: [BlobStore, DownloadLinks],
})
export class StorageModule {}
