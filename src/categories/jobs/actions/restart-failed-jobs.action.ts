import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsInt, Max, Min } from 'class-validator';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { PreviewingHandler } from '../../../pipeline/catalogue/action-handler';
import { MayBeAbsent, Recorded } from '../../../pipeline/catalogue/fields';
import type { Preview } from '../../../pipeline/preview/preview';
import type { BulkSelector } from '../bulk/bulk-targets';
import { type BulkRetried, JobsInBulk } from '../bulk/jobs-in-bulk';

@Action({
  name: 'dashboard.restart_failed_jobs',
  views: ['dashboard'],
  risk: 'high',
  mode: 'operation',
  roles: ['operator'],
  bulk: true,
  cost: (payload) => Number(payload['limit']),
  dependsOn: ['postgres', 'queue'],
  summary: 'Restart the jobs that failed lately',
  description: 'Retries the jobs that failed lately, the oldest first, as job.bulk_retry does.',
  errors: ['PREVIEW_INVALID'],
  example: { failed_within_hours: 24, limit: 1000 },
  since: '1.0',
})
export class RestartFailedJobs extends ActionCommand<BulkRetried> {
  /** How long ago they may have failed, in hours. */
  @Recorded()
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(720)
  failed_within_hours = 24;

  /** At most so many. */
  @Recorded()
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(10_000)
  limit = 1_000;
}

@CommandHandler(RestartFailedJobs)
export class RestartFailedJobsHandler implements PreviewingHandler<RestartFailedJobs> {
  constructor(@Inject(JobsInBulk) private readonly jobs: JobsInBulk) {}

  preview(command: RestartFailedJobs): Promise<Preview> {
    return this.jobs.previewRetry(selectorOf(command));
  }

  execute(command: RestartFailedJobs): Promise<BulkRetried> {
    return this.jobs.retry(selectorOf(command), command.context);
  }
}

function selectorOf({ failed_within_hours, limit }: RestartFailedJobs): BulkSelector {
  return { filter: { status: ['failed'], limit }, failedWithinHours: failed_within_hours };
}
