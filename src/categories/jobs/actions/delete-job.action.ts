import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsBoolean, IsUUID } from 'class-validator';
import { isJobSettled } from '../../../media/flow/transitions';
import { type DeleteResult, JobDeletion } from '../../../media/jobs/job-deletion';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { PreviewingHandler } from '../../../pipeline/catalogue/action-handler';
import { MayBeAbsent, Recorded } from '../../../pipeline/catalogue/fields';
import type { Preview } from '../../../pipeline/preview/preview';
import { AppError } from '../../../platform/errors/app-error';

@Action({
  name: 'job.delete',
  views: ['jobs-queue'],
  risk: 'high',
  mode: 'sync',
  roles: [],
  ownScope: true,
  dependsOn: ['postgres', 'queue', 'storage'],
  summary: 'Delete a job',
  description:
    'Removes a finished job with its steps, clips and files; force cancels it first. Returns what was removed and the bytes freed. The upload that it was made from stays until no job has used it for as long as uploads.unused_kept_s says.',
  errors: ['JOB_NOT_FOUND', 'INVALID_JOB_STATE', 'CONFLICT', 'PREVIEW_INVALID'],
  example: { job_id: '01890a5d-ac96-774b-bcce-b302099a8057', force: false },
  since: '1.0',
})
export class DeleteJob extends ActionCommand<DeleteResult> {
  /** The job to remove. */
  @Recorded()
  @IsUUID()
  job_id!: string;

  /** Whether a job that is not finished is cancelled first. */
  @Recorded()
  @MayBeAbsent()
  @IsBoolean()
  force = false;
}

@CommandHandler(DeleteJob)
export class DeleteJobHandler implements PreviewingHandler<DeleteJob> {
  constructor(@Inject(JobDeletion) private readonly deletion: JobDeletion) {}

  async preview({ job_id, force, context }: DeleteJob): Promise<Preview> {
    const { status, steps, clips, files } = await this.deletion.belongings(job_id, context.ownerId);
    const finished = isJobSettled(status);
    const effect = `the ${status} job goes, with ${steps} steps, ${clips} clips and ${files} files`;
    return {
      selection: finished || force ? [{ id: job_id, state: status }] : [],
      effects: finished || force ? [{ target: job_id, effect }] : [],
      warnings: finished
        ? []
        : [`The job is ${status}: it is ${force ? 'cancelled first' : 'left alone without force'}.`],
    };
  }

  async execute({ job_id, force, context }: DeleteJob): Promise<DeleteResult> {
    const { ownerId, selection, reason } = context;
    if (selection) {
      const { status } = await this.deletion.belongings(job_id, ownerId);
      if (selection[0]?.state !== status)
        throw new AppError('CONFLICT', `The job is ${status}, which it was not in the preview.`);
    }
    if (force) await this.deletion.end(job_id, { ownerId, reason });
    const removed = await context.transaction((tx) => this.deletion.remove(tx, job_id, ownerId));
    await this.deletion.announce(job_id);
    return removed;
  }
}
