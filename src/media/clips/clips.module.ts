import { Module } from '@nestjs/common';
import { DownloadLinks } from './download-links';

/** What came out of jobs: links to the files. */
@Module({ providers: [DownloadLinks], exports: [DownloadLinks] })
export class ClipsModule {}
