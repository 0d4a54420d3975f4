import { Module } from '@nestjs/common';
import { ExportWriter } from './export-writer';

/** What actions that export share. */
@Module({ providers: [ExportWriter], exports: [ExportWriter] })
export class ExportsModule {}
