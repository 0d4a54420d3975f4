import { Inject, Injectable } from '@nestjs/common';
import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import { type ExportedFile, type ExportPart, ExportWriter } from '../../../pipeline/exports/export-writer';
import { AppError } from '../../../platform/errors/app-error';
import type { DailyReport } from './report';
import { ReportCollector } from './report-collector';
import { reportCsv } from './report-csv';

/** The formats of a report. */
export const REPORT_FORMATS = ['pdf', 'csv', 'json'] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];

/** Writes the report of a day into an artifact. */
@Injectable()
export class DailyReporter {
  constructor(
    @Inject(ReportCollector) private readonly collector: ReportCollector,
    @Inject(ExportWriter) private readonly writer: ExportWriter,
  ) {}

  /**
   * Exports the report of a day of UTC; of today where none is given.
   *
   * @param date ISO 8601
   * @throws AppError VALIDATION_ERROR for a day that has not begun
   */
  async export(
    date: string | undefined,
    format: ReportFormat,
    context: ActionContext,
  ): Promise<ExportedFile> {
    const today = askedAt(context.executionId).toISOString().slice(0, 10);
    const day = date ?? today;
    if (day > today) {
      const message = `must not be after today, ${today}`;
      throw new AppError('VALIDATION_ERROR', `The day has not begun: payload.date ${message}.`, {
        details: [{ path: 'payload.date', message }],
      });
    }
    const parts = this.parts(new Date(`${day}T00:00:00Z`), format, context.signal);
    return this.writer.write({ name: `daily-report-${day}`, format, total: 1, parts }, context);
  }

  private async *parts(start: Date, format: ReportFormat, signal: AbortSignal): AsyncGenerator<ExportPart> {
    const report = await this.collector.collect(start, signal);
    yield await rendered(report, format);
  }
}

async function rendered(report: DailyReport, format: ReportFormat): Promise<ExportPart> {
  if (format === 'csv') return reportCsv(report);
  if (format === 'json') return { text: `${JSON.stringify(report, undefined, 2)}\n`, rows: 1 };
  // What draws a PDF takes a tenth of a second to load, and most processes never draw one.
  const { reportPdf } = await import('./pdf/report-pdf.js');
  return { text: await reportPdf(report), rows: 1 };
}

/** When an execution was asked for: "today" is the same for whoever goes on with it after midnight. */
function askedAt(executionId: string): Date {
  return new Date(Number.parseInt(executionId.replaceAll('-', '').slice(0, 12), 16));
}
