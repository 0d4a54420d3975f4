import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsInt, IsString, Length, Max, Min } from 'class-validator';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { PreviewingHandler } from '../../../pipeline/catalogue/action-handler';
import { MayBeAbsent, Recorded } from '../../../pipeline/catalogue/fields';
import type { Preview } from '../../../pipeline/preview/preview';
import { PurgeRun, type QueuesPurged } from '../purge-run';

@Action({
  name: 'queue.purge',
  views: ['jobs-queue'],
  risk: 'high',
  mode: 'operation',
  roles: ['operator'],
  dependsOn: ['postgres', 'queue'],
  summary: 'Purge a queue of failed entries',
  description:
    'Removes failed entries from the queue; the jobs keep their failed state and history in Postgres, and can be retried as before. A preview freezes the time before which they go.',
  errors: ['QUEUE_NOT_FOUND', 'PREVIEW_INVALID'],
  example: { queue: 'clip-renderer', older_than_hours: 24 },
  since: '1.0',
})
export class PurgeQueue extends ActionCommand<QueuesPurged> {
  /** The queue's name. */
  @Recorded()
  @IsString()
  @Length(1, 100)
  queue!: string;

  /** Only what failed so many hours ago or earlier. */
  @Recorded()
  @MayBeAbsent()
  @IsInt()
  @Min(0)
  @Max(8_760)
  older_than_hours = 0;
}

@CommandHandler(PurgeQueue)
export class PurgeQueueHandler implements PreviewingHandler<PurgeQueue> {
  constructor(@Inject(PurgeRun) private readonly purge: PurgeRun) {}

  preview({ queue, older_than_hours }: PurgeQueue): Promise<Preview> {
    return this.purge.preview([queue], older_than_hours);
  }

  execute({ queue, older_than_hours, context }: PurgeQueue): Promise<QueuesPurged> {
    return this.purge.run([queue], older_than_hours, context);
  }
}
