import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsInt, Max, Min } from 'class-validator';
import { QueueAdmin } from '../../../media/flow/queues/queue-admin.service';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { PreviewingHandler } from '../../../pipeline/catalogue/action-handler';
import { MayBeAbsent, Recorded } from '../../../pipeline/catalogue/fields';
import type { Preview } from '../../../pipeline/preview/preview';
import { PurgeRun, type QueuesPurged } from '../purge-run';

@Action({
  name: 'dashboard.queue_purge',
  views: ['dashboard'],
  risk: 'high',
  mode: 'operation',
  roles: ['operator'],
  dependsOn: ['postgres', 'queue'],
  summary: 'Purge all queues of failed entries',
  description: 'queue.purge over every queue, one after the other.',
  errors: ['PREVIEW_INVALID'],
  example: { older_than_hours: 24 },
  since: '1.0',
})
export class PurgeAllQueues extends ActionCommand<QueuesPurged> {
  /** Only what failed so many hours ago or earlier. */
  @Recorded()
  @MayBeAbsent()
  @IsInt()
  @Min(0)
  @Max(8_760)
  older_than_hours = 24;
}

@CommandHandler(PurgeAllQueues)
export class PurgeAllQueuesHandler implements PreviewingHandler<PurgeAllQueues> {
  constructor(
    @Inject(QueueAdmin) private readonly queues: QueueAdmin,
    @Inject(PurgeRun) private readonly purge: PurgeRun,
  ) {}

  preview({ older_than_hours }: PurgeAllQueues): Promise<Preview> {
    return this.purge.preview(this.queues.list(), older_than_hours);
  }

  execute({ older_than_hours, context }: PurgeAllQueues): Promise<QueuesPurged> {
    return this.purge.run(this.queues.list(), older_than_hours, context);
  }
}
