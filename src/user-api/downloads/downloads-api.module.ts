import { Module } from '@nestjs/common';
import { ClipsModule } from '../../media/clips/clips.module';
import { DownloadFiles } from './download-files';
import { DownloadsController } from './downloads.controller';

/** /api/downloads */
@Module({ imports: [ClipsModule], controllers: [DownloadsController], providers: [DownloadFiles] })
export class DownloadsApiModule {}
