import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { Type } from 'class-transformer';
import { IsBoolean, IsIn, IsObject, ValidateNested } from 'class-validator';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { ActionHandler } from '../../../pipeline/catalogue/action-handler';
import { MayBeAbsent, Recorded } from '../../../pipeline/catalogue/fields';
import { EXPORT_FORMATS, type ExportFormat } from '../../../pipeline/exports/export-format';
import type { ExportedFile } from '../../../pipeline/exports/export-writer';
import { JobExporter } from '../job-exporter';
import { JobFilter } from '../job-filter.dto';

@Action({
  name: 'job.export',
  views: ['jobs-queue'],
  risk: 'standard',
  mode: 'operation',
  roles: ['operator', 'supervisor', 'readonly'],
  dependsOn: ['postgres', 'storage'],
  summary: 'Export jobs',
  description:
    'Streams the matching jobs into an artifact: rows, bytes, SHA-256, expiring signed download URL. Cells that a spreadsheet would run as a formula are neutralised.',
  errors: ['STORAGE_FULL', 'STORAGE_REFUSED'],
  example: { filter: { status: ['failed'], limit: 1000 }, format: 'csv', include_steps: false },
  since: '1.0',
})
export class ExportJobs extends ActionCommand<ExportedFile> {
  /** Which jobs; all, if not given. */
  @Recorded()
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => JobFilter)
  filter: JobFilter = new JobFilter();

  /** Of the file. */
  @Recorded()
  @MayBeAbsent()
  @IsIn(EXPORT_FORMATS)
  format: ExportFormat = 'csv';

  /** Whether the steps of each job are in it. */
  @Recorded()
  @MayBeAbsent()
  @IsBoolean()
  include_steps = false;
}

@CommandHandler(ExportJobs)
export class ExportJobsHandler implements ActionHandler<ExportJobs> {
  constructor(@Inject(JobExporter) private readonly exporter: JobExporter) {}

  execute({ filter, format, include_steps, context }: ExportJobs): Promise<ExportedFile> {
    return this.exporter.export({ filter, format, includeSteps: include_steps }, context);
  }
}
