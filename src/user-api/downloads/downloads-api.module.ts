import { Module } from '@nestjs/common';
import { DownloadFiles } from './download-files';
import { DownloadsController } from './downloads.controller';

/** /api/downloads */
@Module({ controllers: [DownloadsController], providers: [DownloadFiles] })
export class DownloadsApiModule {}
