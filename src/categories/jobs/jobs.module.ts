import { Module } from '@nestjs/common';
import { FlowModule } from '../../media/flow/flow.module';
import { Category } from '../../pipeline/catalogue/category.decorator';
import { ExportsModule } from '../../pipeline/exports/exports.module';
import { BulkCancelJobsHandler } from './actions/bulk-cancel-jobs.action';
import { BulkRetryJobsHandler } from './actions/bulk-retry-jobs.action';
import { CancelJobHandler } from './actions/cancel-job.action';
import { DeleteJobHandler } from './actions/delete-job.action';
import { ExportDailyReportHandler } from './actions/export-daily-report.action';
import { ExportJobsHandler } from './actions/export-jobs.action';
import { PrioritiseJobHandler } from './actions/prioritise-job.action';
import { RestartFailedJobsHandler } from './actions/restart-failed-jobs.action';
import { RetryJobHandler } from './actions/retry-job.action';
import { BulkRun } from './bulk/bulk-run';
import { BulkTargets } from './bulk/bulk-targets';
import { JobsInBulk } from './bulk/jobs-in-bulk';
import { DailyReporter } from './daily-report/daily-reporter';
import { ReportCollector } from './daily-report/report-collector';
import { JobExporter } from './job-exporter';

/** The actions of this category, sorted by name; a new one is added here. */
const ACTIONS = [
  BulkCancelJobsHandler,
  BulkRetryJobsHandler,
  CancelJobHandler,
  DeleteJobHandler,
  ExportDailyReportHandler,
  ExportJobsHandler,
  PrioritiseJobHandler,
  RestartFailedJobsHandler,
  RetryJobHandler,
];

/** Actions on jobs. */
@Category('jobs')
@Module({
  imports: [FlowModule, ExportsModule],
  providers: [DailyReporter, JobExporter, ReportCollector, BulkRun, BulkTargets, JobsInBulk, ...ACTIONS],
})
export class JobsCategory {}
