import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsInt, IsUUID, Max, Min } from 'class-validator';
import { JobPriority, type PriorityResult } from '../../../media/jobs/job-priority';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { ActionHandler } from '../../../pipeline/catalogue/action-handler';
import { Recorded } from '../../../pipeline/catalogue/fields';

@Action({
  name: 'job.priority',
  views: ['jobs-queue'],
  risk: 'standard',
  mode: 'sync',
  roles: ['operator', 'supervisor'],
  ownScope: true,
  dependsOn: ['postgres', 'queue'],
  summary: 'Change the priority of a job',
  description: "Re-orders the job's waiting steps, and all its later ones, without ever losing one.",
  errors: ['JOB_NOT_FOUND', 'INVALID_JOB_STATE'],
  example: { job_id: '01890a5d-ac96-774b-bcce-b302099a8057', priority: 1 },
  since: '1.0',
})
export class PrioritiseJob extends ActionCommand<PriorityResult> {
  /** The job to move. */
  @Recorded()
  @IsUUID()
  job_id!: string;

  /** 1 is most urgent. */
  @Recorded()
  @IsInt()
  @Min(1)
  @Max(10)
  priority!: number;
}

@CommandHandler(PrioritiseJob)
export class PrioritiseJobHandler implements ActionHandler<PrioritiseJob> {
  constructor(@Inject(JobPriority) private readonly priorities: JobPriority) {}

  async execute({ job_id, priority, context }: PrioritiseJob): Promise<PriorityResult> {
    const result = await context.transaction((tx) =>
      this.priorities.set(tx, job_id, priority, context.ownerId),
    );
    await this.priorities.follow(job_id);
    return result;
  }
}
