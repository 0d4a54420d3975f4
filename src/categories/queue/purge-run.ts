import { Inject, Injectable } from '@nestjs/common';
import { QueueAdmin } from '../../media/flow/queues/queue-admin.service';
import { type Purging, type QueuePurged, QueuePurging } from '../../media/flow/queues/queue-purging';
import type { ActionContext } from '../../pipeline/catalogue/action-command';
import { mayStop } from '../../pipeline/catalogue/stopped-early';
import type { FrozenItem, Preview } from '../../pipeline/preview/preview';

/** What purging queues came to. */
export interface QueuesPurged {
  /** What failed before this was purged. */
  before: string;
  /** Failed steps that the queues count no more; they keep their state, and so do their jobs. */
  purged: number;
  /** Entries that Redis had kept of steps that ended. */
  removed_entries: number;
  queues: readonly QueuePurged[];
}

interface PurgeState {
  targets: readonly FrozenItem[];
  /** Of the targets, in their order; the last may not be whole. */
  done: readonly Purging[];
  /** How many of the targets are. */
  whole: number;
}

/** Purges queues, one after the other; what a preview freezes is the time before which entries go. */
@Injectable()
export class PurgeRun {
  constructor(
    @Inject(QueueAdmin) private readonly queues: QueueAdmin,
    @Inject(QueuePurging) private readonly purging: QueuePurging,
  ) {}

  /** What would go now. @throws AppError QUEUE_NOT_FOUND */
  async preview(names: readonly string[], hours: number): Promise<Preview> {
    const selection = await this.targets(names, hours);
    const failed = await this.purging.failed(names, selection[0]?.state);
    const effects = selection.map(({ id, state }) => ({
      target: id,
      effect: `${failed.get(id) ?? 0} entries that failed before ${state} go; their jobs stay as they are`,
    }));
    return { selection, effects, warnings: [] };
  }

  /** Purges them. @throws AppError QUEUE_NOT_FOUND @throws StoppedEarly */
  async run(names: readonly string[], hours: number, context: ActionContext): Promise<QueuesPurged> {
    const { checkpoint, signal } = context;
    const begun = checkpoint.resume<PurgeState>();
    const targets = begun?.targets ?? context.selection ?? (await this.targets(names, hours));
    let state: PurgeState = begun ?? { targets, done: [], whole: 0 };
    for (let at = state.whole; at < targets.length; at += 1) {
      const { id, state: before } = targets[at] ?? { id: '', state: '' };
      const done = state.done.slice(0, at);
      const { whole, ...purged } = await this.purging.run(id, {
        before,
        from: state.done[at],
        onPurged: (soFar, tx) => checkpoint.save({ targets, done: [...done, soFar], whole: at }, tx),
        signal,
      });
      state = { targets, done: [...done, purged], whole: whole ? at + 1 : at };
      if (!whole) mayStop(signal, () => ({ ...outcomeOf(state), done: at, not_done: targets.length - at }));
      await checkpoint.save(state);
      context.progress({ done: state.whole, total: targets.length });
    }
    return outcomeOf(state);
  }

  private async targets(names: readonly string[], hours: number): Promise<FrozenItem[]> {
    for (const name of names) this.queues.assertExists(name);
    const cutoff = await this.purging.cutoff(hours);
    return names.map((id) => ({ id, state: cutoff }));
  }
}

function outcomeOf({ targets, done }: PurgeState): QueuesPurged {
  const sum = (field: 'purged' | 'removed_entries') => done.reduce((total, one) => total + one[field], 0);
  return {
    before: targets[0]?.state ?? '',
    purged: sum('purged'),
    removed_entries: sum('removed_entries'),
    queues: done.map(({ queue, purged, removed_entries }) => ({ queue, purged, removed_entries })),
  };
}
