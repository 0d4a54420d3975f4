import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsString, Length } from 'class-validator';
import { QueueAdmin } from '../../../media/flow/queues/queue-admin.service';
import type { Clearing } from '../../../media/flow/queues/queue-clearing';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { PreviewingHandler } from '../../../pipeline/catalogue/action-handler';
import { mayStop } from '../../../pipeline/catalogue/stopped-early';
import { Recorded } from '../../../pipeline/catalogue/fields';
import type { FrozenItem, Preview } from '../../../pipeline/preview/preview';
import { type Drift, driftOf, QueueContents } from '../queue-contents';

/** What a clearing keeps of how far it is. */
interface ClearQueueState {
  clearing: Clearing;
  since_preview?: QueueCleared['since_preview'];
}

/** What a clearing did. */
export interface QueueCleared {
  queue: string;
  cancelled_jobs: number;
  /** Jobs that were left as they are, because something of them cannot be stored. */
  failed_jobs: number;
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
  @Recorded()
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
    const begun = context.checkpoint.resume<ClearQueueState>();
    // What is gone because an earlier run cancelled it was not gone when that began.
    const since_preview = begun
      ? begun.since_preview
      : await driftIn(this.contents, queue, context.selection);
    const { cancelled_jobs, failed_jobs, removed_entries, left } = await this.queues.clear(queue, {
      reason: context.reason ?? `The queue ${queue} was cleared`,
      jobs: context.selection,
      from: begun?.clearing,
      onCancelled: (clearing, tx) => context.checkpoint.save({ clearing, since_preview }, tx),
      onProgress: (done, total) => context.progress({ done, total }),
      signal: context.signal,
    });
    const cleared = {
      queue,
      cancelled_jobs,
      failed_jobs,
      removed_entries,
      ...(since_preview ? { since_preview } : {}),
    };
    if (left > 0) mayStop(context.signal, () => ({ done: cancelled_jobs, not_done: left, ...cleared }));
    return cleared;
  }
}

async function driftIn(
  contents: QueueContents,
  queue: string,
  selection?: readonly FrozenItem[],
): Promise<QueueCleared['since_preview']> {
  if (!selection) return undefined;
  const { added, gone, changed } = driftOf(selection, await contents.waiting(queue));
  return { added, gone, changed };
}
