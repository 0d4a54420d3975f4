import { payloadErrors } from '../../../pipeline/catalogue/payload-validator';
import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import type { ExportOrder, ExportWriter } from '../../../pipeline/exports/export-writer';
import { DailyReporter } from '../daily-report/daily-reporter';
import type { ReportCollector } from '../daily-report/report-collector';
import { ExportDailyReport } from './export-daily-report.action';

describe('dashboard.export_daily_report', () => {
  it.each([[{}], [{ date: '2024-02-29', format: 'json' }], [{ format: 'csv' }]])('takes %j', (payload) => {
    expect(payloadErrors(ExportDailyReport, payload)).toEqual([]);
  });

  it.each([
    [{ date: '2026-02-29' }, 'payload.date'],
    [{ date: '2026-1-1' }, 'payload.date'],
    [{ date: 'today' }, 'payload.date'],
    [{ date: 20260101 }, 'payload.date'],
    [{ format: 'html' }, 'payload.format'],
  ])('refuses %j', (payload, path) => {
    expect(payloadErrors(ExportDailyReport, payload).map((error) => error.path)).toEqual([path]);
  });

  it('takes for today the day on which it was asked for, and nothing after it', async () => {
    const names: string[] = [];
    const writer = {
      write: ({ name }: ExportOrder) => Promise.resolve(names.push(name)),
    } as unknown as ExportWriter;
    const reporter = new DailyReporter({} as ReportCollector, writer);
    const context = { executionId: '019470c0-b3ff-7000-8000-000000000000' } as ActionContext; // prettier-ignore
    await reporter.export(undefined, 'csv', context);
    expect(names).toEqual(['daily-report-2025-01-16']);
    await expect(reporter.export('2025-01-17', 'csv', context)).rejects.toMatchObject({
      code: 'VALIDATION_ERROR',
    });
  });
});
