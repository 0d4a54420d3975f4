import { Module } from '@nestjs/common';
import { ExportSweeper } from './export-sweeper.manager';
import { ExportWriter } from './export-writer';

/** What actions that export share. The sweeper runs only where the host of the control loops does. */
@Module({ providers: [ExportWriter, ExportSweeper], exports: [ExportWriter] })
export class ExportsModule {}
