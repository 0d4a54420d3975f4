import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsString, Length } from 'class-validator';
import { QueueAdmin } from '../../../media/flow/queues/queue-admin.service';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { ActionHandler } from '../../../pipeline/catalogue/action-handler';
import { Recorded } from '../../../pipeline/catalogue/fields';
import { type QueuesPaused, setQueuesPaused } from '../queues-paused';

@Action({
  name: 'queue.resume',
  views: ['jobs-queue'],
  risk: 'standard',
  mode: 'sync',
  roles: ['operator'],
  dependsOn: ['postgres', 'queue'],
  summary: 'Resume a queue',
  description:
    'Workers take from it again, and it takes in what comes: this also ends draining and drained. Resuming a queue that is neither succeeds and says changed=false.',
  errors: ['QUEUE_NOT_FOUND'],
  example: { queue: 'clip-renderer' },
  since: '1.0',
})
export class ResumeQueue extends ActionCommand<QueuesPaused> {
  /** A queue's name, or all. */
  @Recorded()
  @IsString()
  @Length(1, 100)
  queue!: string;
}

@CommandHandler(ResumeQueue)
export class ResumeQueueHandler implements ActionHandler<ResumeQueue> {
  constructor(@Inject(QueueAdmin) private readonly queues: QueueAdmin) {}

  execute({ queue, context }: ResumeQueue): Promise<QueuesPaused> {
    return setQueuesPaused(this.queues, { queue, paused: false }, context);
  }
}
