import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import type { PreviewingHandler } from '../../../pipeline/catalogue/action-handler';
import type { Preview } from '../../../pipeline/preview/preview';
import { BulkJobs, costOfJobs } from '../bulk/bulk-jobs.dto';
import { selectorOf } from '../bulk/bulk-targets';
import { type BulkCancelled, JobsInBulk } from '../bulk/jobs-in-bulk';

@Action({
  name: 'job.bulk_cancel',
  views: ['jobs-queue'],
  risk: 'high',
  mode: 'operation',
  roles: ['operator'],
  bulk: true,
  cost: costOfJobs,
  dependsOn: ['postgres', 'queue'],
  summary: 'Cancel many jobs',
  description:
    'Cancels many in batches, each as job.cancel does. The outcome counts cancelled, skipped (by reason) and failed, and lists the first 100 of each. Exactly one of job_ids and filter; with a preview token only what it froze is touched.',
  errors: ['PREVIEW_INVALID'],
  example: { job_ids: ['01890a5d-ac96-774b-bcce-b302099a8057', '01890a5d-ac96-774b-bcce-b302099a8058'] },
  since: '1.0',
})
export class BulkCancelJobs extends BulkJobs<BulkCancelled> {}

@CommandHandler(BulkCancelJobs)
export class BulkCancelJobsHandler implements PreviewingHandler<BulkCancelJobs> {
  constructor(@Inject(JobsInBulk) private readonly jobs: JobsInBulk) {}

  preview(command: BulkCancelJobs): Promise<Preview> {
    return this.jobs.previewCancel(selectorOf(command));
  }

  execute(command: BulkCancelJobs): Promise<BulkCancelled> {
    return this.jobs.cancel(selectorOf(command), command.context);
  }
}
