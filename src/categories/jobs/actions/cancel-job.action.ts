import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsUUID } from 'class-validator';
import type { CancelResult } from '../../../media/jobs/job-cancellation';
import { JobsService } from '../../../media/jobs/jobs.service';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { ActionHandler } from '../../../pipeline/catalogue/action-handler';
import { Recorded } from '../../../pipeline/catalogue/fields';

@Action({
  name: 'job.cancel',
  views: ['jobs-queue'],
  risk: 'standard',
  mode: 'sync',
  roles: ['operator', 'supervisor'],
  ownScope: true,
  dependsOn: ['postgres', 'queue'],
  summary: 'Cancel a job',
  description:
    'A waiting job is cancelled at once. A processing one has its running step aborted within 5 s, its partial output removed, and is then cancelled.',
  errors: ['JOB_NOT_FOUND', 'INVALID_JOB_STATE'],
  example: { job_id: '01890a5d-ac96-774b-bcce-b302099a8057' },
  since: '1.0',
})
export class CancelJob extends ActionCommand<CancelResult> {
  /** The job to cancel. */
  @Recorded()
  @IsUUID()
  job_id!: string;
}

@CommandHandler(CancelJob)
export class CancelJobHandler implements ActionHandler<CancelJob> {
  constructor(@Inject(JobsService) private readonly jobs: JobsService) {}

  execute({ job_id, context }: CancelJob): Promise<CancelResult> {
    return this.jobs.cancel(job_id, { ownerId: context.ownerId, reason: context.reason });
  }
}
