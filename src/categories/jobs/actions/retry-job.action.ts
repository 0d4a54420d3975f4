import { Inject, Logger } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsIn, IsUUID } from 'class-validator';
import type { RetryResult } from '../../../media/jobs/job-retry';
import { JobsService } from '../../../media/jobs/jobs.service';
import type { RetryFrom } from '../../../media/jobs/rerun-plan';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { ActionHandler } from '../../../pipeline/catalogue/action-handler';
import { MayBeAbsent, Recorded } from '../../../pipeline/catalogue/fields';
import { reasonOf } from '../../../platform/errors/unavailable';

@Action({
  name: 'job.retry',
  views: ['jobs-queue'],
  risk: 'standard',
  mode: 'sync',
  roles: ['operator', 'supervisor'],
  ownScope: true,
  dependsOn: ['postgres', 'queue'],
  summary: 'Retry a job',
  description:
    'A failed or cancelled job is queued again as a new attempt. From failed_step the outputs of steps that completed are kept and only what failed, and what depends on it, runs.',
  errors: ['JOB_NOT_FOUND', 'INVALID_JOB_STATE'],
  example: { job_id: '01890a5d-ac96-774b-bcce-b302099a8057', from: 'failed_step' },
  since: '1.0',
})
export class RetryJob extends ActionCommand<RetryResult> {
  /** The job to queue again. */
  @Recorded()
  @IsUUID()
  job_id!: string;

  /** Where to go on from. */
  @Recorded()
  @MayBeAbsent()
  @IsIn(['failed_step', 'start'])
  from: RetryFrom = 'failed_step';
}

@CommandHandler(RetryJob)
export class RetryJobHandler implements ActionHandler<RetryJob> {
  private readonly log = new Logger(RetryJobHandler.name);

  constructor(@Inject(JobsService) private readonly jobs: JobsService) {}

  async execute({ job_id, from, context }: RetryJob): Promise<RetryResult> {
    const retried = await context.transaction((tx) =>
      this.jobs.retry(job_id, { from, ownerId: context.ownerId, tx }),
    );
    // The job is queued, whatever happens now; what Redis does not take, the dispatcher brings.
    await this.jobs
      .dispatchJob(job_id)
      .catch((error: Error) => this.log.warn(`Job ${job_id} will be dispatched later: ${reasonOf(error)}`));
    return retried;
  }
}
