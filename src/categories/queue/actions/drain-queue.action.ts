import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsInt, IsString, Length, Max, Min } from 'class-validator';
import { QueueAdmin } from '../../../media/flow/queues/queue-admin.service';
import { type DrainBegun, type LeftToDrain, QueueDraining } from '../../../media/flow/queues/queue-draining';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { PreviewingHandler } from '../../../pipeline/catalogue/action-handler';
import { MayBeAbsent, Recorded } from '../../../pipeline/catalogue/fields';
import { mayStop } from '../../../pipeline/catalogue/stopped-early';
import type { FrozenItem, Preview } from '../../../pipeline/preview/preview';
import { AppError } from '../../../platform/errors/app-error';

/** What a drain came to. */
export interface QueueDrained {
  queue: string;
  /** `draining`: its time was up; it goes on draining. `resumed`: somebody has ended it meanwhile. */
  state: 'drained' | 'draining' | 'resumed';
  /** Of the steps that were there when it began. */
  finished: number;
  left: LeftToDrain;
}

const PAUSED = 'The queue is paused: what waits is not begun, and resuming it ends the draining, too.';

@Action({
  name: 'queue.drain',
  views: ['jobs-queue'],
  risk: 'high',
  mode: 'operation',
  roles: ['operator'],
  dependsOn: ['postgres', 'queue'],
  summary: 'Drain a queue',
  description:
    'Takes no new work in (it waits in Postgres, nothing is refused or lost), lets what is there finish, then is drained until it is resumed. Past the time, or when it is aborted, it reports what is left, and the queue goes on draining.',
  errors: ['QUEUE_NOT_FOUND', 'ALREADY_DRAINING', 'CONFLICT', 'PREVIEW_INVALID'],
  example: { queue: 'clip-renderer', timeout_s: 300 },
  since: '1.0',
})
export class DrainQueue extends ActionCommand<QueueDrained> {
  /** The queue's name. */
  @Recorded()
  @IsString()
  @Length(1, 100)
  queue!: string;

  /** How long to wait for what is there, in seconds. */
  @Recorded()
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(3_600)
  timeout_s = 300;
}

@CommandHandler(DrainQueue)
export class DrainQueueHandler implements PreviewingHandler<DrainQueue> {
  constructor(
    @Inject(QueueAdmin) private readonly queues: QueueAdmin,
    @Inject(QueueDraining) private readonly draining: QueueDraining,
  ) {}

  async preview({ queue }: DrainQueue): Promise<Preview> {
    const state = await stateOf(this.queues, queue);
    const { waiting, active } = await this.draining.before(queue);
    const effect = `takes nothing new in; ${waiting} waiting and ${active} running steps are finished first`;
    const warnings = state === 'paused' && waiting > 0 ? [PAUSED] : [];
    return { selection: [{ id: queue, state }], effects: [{ target: queue, effect }], warnings };
  }

  async execute({ queue, timeout_s, context }: DrainQueue): Promise<QueueDrained> {
    const { checkpoint, signal } = context;
    const from = checkpoint.resume<DrainBegun>();
    if (!from) assertAsShown(await stateOf(this.queues, queue), context.selection);
    const { state, total, left } = await this.draining.run(queue, {
      timeoutS: timeout_s,
      from,
      onBegun: (begun, tx) => checkpoint.save(begun, tx),
      onProgress: (done, total) => context.progress({ done, total }),
      signal,
    });
    const notDone = left.waiting + left.active;
    const drained = { queue, state, finished: Math.max(0, total - notDone), left };
    if (state === 'draining')
      mayStop(signal, () => ({ done: drained.finished, not_done: notDone, ...drained }));
    return drained;
  }
}

/** @throws AppError QUEUE_NOT_FOUND, ALREADY_DRAINING */
async function stateOf(queues: QueueAdmin, queue: string): Promise<'running' | 'paused'> {
  queues.assertExists(queue);
  const { paused, drain } = await queues.standing(queue);
  if (drain) throw new AppError('ALREADY_DRAINING');
  return paused ? 'paused' : 'running';
}

function assertAsShown(state: string, selection?: readonly FrozenItem[]): void {
  if (selection && selection[0]?.state !== state)
    throw new AppError('CONFLICT', `The queue is ${state}, which it was not in the preview.`);
}
