import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsString, Length } from 'class-validator';
import { QueueAdmin } from '../../../media/flow/queues/queue-admin.service';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { PreviewingHandler } from '../../../pipeline/catalogue/action-handler';
import type { Preview } from '../../../pipeline/preview/preview';
import { type Drift, driftOf, QueueContents } from '../queue-contents';

/** What a clearing did. */
export interface QueueCleared {
  queue: string;
  cancelled_jobs: number;
  removed_entries: number;
  /** With a preview token: what differed from the preview, and was left alone. */
  since_preview?: Omit<Drift, 'unchanged'>;
}

@Action({
  name: 'queue.clear',
  views: ['jobs-queue'],
  risk: 'high',
  mode: 'operation',
  roles: [],
  dependsOn: ['postgres', 'queue'],
  summary: 'Clear a queue',
  description:
    'Removes all that waits or is delayed; the jobs concerned become cancelled with the reason. Active steps go on.',
  errors: ['QUEUE_NOT_FOUND', 'PREVIEW_INVALID'],
  example: { queue: 'clip-renderer' },
  since: '1.0',
})
export class ClearQueue extends ActionCommand<QueueCleared> {
  /** The queue's name. */
  @IsString()
  @Length(1, 100)
  queue!: string;
}

@CommandHandler(ClearQueue)
export class ClearQueueHandler implements PreviewingHandler<ClearQueue> {
  constructor(
    @Inject(QueueAdmin) private readonly queues: QueueAdmin,
    @Inject(QueueContents) private readonly contents: QueueContents,
  ) {}

  async preview({ queue }: ClearQueue): Promise<Preview> {
    const selection = await this.contents.waiting(queue);
    const { active = 0 } = (await this.queues.counts())[queue] ?? {};
    return {
      selection,
      effects: selection.map(({ id }) => ({ target: id, effect: 'the job becomes cancelled' })),
      warnings: active > 0 ? [`${active} steps of this queue are running; they go on.`] : [],
    };
  }

  async execute({ queue, context }: ClearQueue): Promise<QueueCleared> {
    const now = await this.contents.waiting(queue);
    const drift = context.selection && driftOf(context.selection, now);
    const cleared = await this.queues.clear(queue, {
      reason: context.reason ?? `The queue ${queue} was cleared`,
      jobIds: drift?.unchanged,
      onProgress: (done, total) => context.progress({ done, total }),
      signal: context.signal,
    });
    if (!drift) return { queue, ...cleared };
    const { added, gone, changed } = drift;
    return { queue, ...cleared, since_preview: { added, gone, changed } };
  }
}
