import { Module } from '@nestjs/common';
import { FlowModule } from '../../media/flow/flow.module';
import { Category } from '../../pipeline/catalogue/category.decorator';
import { ExportsModule } from '../../pipeline/exports/exports.module';
import { CancelJobHandler } from './actions/cancel-job.action';
import { ExportJobsHandler } from './actions/export-jobs.action';
import { PrioritiseJobHandler } from './actions/prioritise-job.action';
import { RetryJobHandler } from './actions/retry-job.action';
import { JobExporter } from './job-exporter';
import { JobRows } from './job-rows';

/** The actions of this category, sorted by name; a new one is added here. */
const ACTIONS = [CancelJobHandler, ExportJobsHandler, PrioritiseJobHandler, RetryJobHandler];

/** Actions on jobs. */
@Category('jobs')
@Module({ imports: [FlowModule, ExportsModule], providers: [JobRows, JobExporter, ...ACTIONS] })
export class JobsCategory {}
