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
  name: 'queue.pause',
  views: ['jobs-queue'],
  risk: 'standard',
  mode: 'sync',
  roles: ['operator'],
  dependsOn: ['postgres', 'queue'],
  summary: 'Pause a queue',
  description:
    'Workers take nothing more from it; active steps finish. Pausing a paused queue succeeds and says changed=false.',
  errors: ['QUEUE_NOT_FOUND'],
  example: { queue: 'clip-renderer' },
  since: '1.0',
})
export class PauseQueue extends ActionCommand<QueuesPaused> {
  /** A queue's name, or all. */
  @Recorded()
  @IsString()
  @Length(1, 100)
  queue!: string;
}

@CommandHandler(PauseQueue)
export class PauseQueueHandler implements ActionHandler<PauseQueue> {
  constructor(@Inject(QueueAdmin) private readonly queues: QueueAdmin) {}

  execute({ queue, context }: PauseQueue): Promise<QueuesPaused> {
    return setQueuesPaused(this.queues, { queue, paused: true }, context);
  }
}
