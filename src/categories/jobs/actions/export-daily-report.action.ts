import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsIn } from 'class-validator';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { ActionHandler } from '../../../pipeline/catalogue/action-handler';
import { MayBeAbsent, Recorded } from '../../../pipeline/catalogue/fields';
import type { ExportedFile } from '../../../pipeline/exports/export-writer';
import { IsDay } from '../../../platform/validation/day';
import { DailyReporter, REPORT_FORMATS, type ReportFormat } from '../daily-report/daily-reporter';

@Action({
  name: 'dashboard.export_daily_report',
  views: ['dashboard'],
  risk: 'standard',
  mode: 'operation',
  roles: ['operator', 'supervisor', 'readonly'],
  dependsOn: ['postgres', 'storage'],
  summary: 'Export the report of a day',
  description:
    'One day (UTC) as an artifact, beside the day before: jobs by status, throughput by hour, durations p50/p95/p99, failures by agent and error, worker hours, storage, actions taken by the staff, and the slowest jobs. The PDF has charts.',
  errors: ['VALIDATION_ERROR', 'STORAGE_FULL', 'STORAGE_REFUSED'],
  example: { date: '2026-01-31', format: 'pdf' },
  since: '1.0',
})
export class ExportDailyReport extends ActionCommand<ExportedFile> {
  /** The day, of UTC; today, up to now, if not given. */
  @Recorded()
  @MayBeAbsent()
  @IsDay()
  date?: string;

  /** Of the file. */
  @Recorded()
  @MayBeAbsent()
  @IsIn(REPORT_FORMATS)
  format: ReportFormat = 'pdf';
}

@CommandHandler(ExportDailyReport)
export class ExportDailyReportHandler implements ActionHandler<ExportDailyReport> {
  constructor(@Inject(DailyReporter) private readonly reporter: DailyReporter) {}

  execute({ date, format, context }: ExportDailyReport): Promise<ExportedFile> {
    return this.reporter.export(date, format, context);
  }
}
