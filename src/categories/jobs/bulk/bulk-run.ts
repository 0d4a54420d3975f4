import { Inject, Injectable } from '@nestjs/common';
import { ChunkSize } from '../../../media/flow/queues/chunk-size';
import type { Alongside, BulkItem, BulkVerdict } from '../../../media/jobs/bulk';
import { isRefused } from '../../../media/steps/persist';
import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import { mayStop } from '../../../pipeline/catalogue/stopped-early';
import { Ahead } from './ahead';
import { type BulkSelector, BulkTargets } from './bulk-targets';
import { counted, NOTHING, type Tally } from './bulk-tally';

/** How long the rows of a chunk may stay locked, in milliseconds. */
const LOCKED_MS = 150;

/** What became of a bulk action. */
export interface BulkOutcome extends Omit<Tally, 'done' | 'first_done'> {
  /** The jobs that it was about. */
  requested: number;
  /** With a preview token: what differed from the preview, and was left alone. */
  since_preview?: { added: number; changed: number; gone: number };
}

/** How far a run is, for whoever goes on with it. */
export interface BulkState {
  /** The items that it began with have been dealt with up to here. */
  at: number;
  total: number;
  /** Of a run over what fits: the last job that was dealt with. */
  after?: string;
  tally: Tally;
  /** Jobs whose running step has been told to end. */
  stopping: string[];
  /** The jobs done in the last two chunks, of which something may be left to do after their commits. */
  last?: readonly [readonly string[], readonly string[]];
  /** Jobs that fitted when it began and that the preview did not have. */
  added: number;
}

/** Does the work for a chunk, in one transaction that `alongside` is part of. */
export type BulkWork = (items: readonly BulkItem[], alongside: Alongside) => Promise<BulkVerdict[]>;

/** What a run does. */
export interface BulkTask {
  /** The work for a chunk. What has to be found out for it is, while the chunk before it is at work. */
  workOn: (items: readonly BulkItem[]) => BulkWork | Promise<BulkWork>;
  /**
   * Called before a run goes on that has ended with its process, with the jobs done in its last two chunks: what was to
   * follow their commits may not have come to it.
   */
  takenUp?: (jobIds: readonly string[]) => Promise<unknown>;
}

/** Goes over many jobs in chunks, each a transaction with the checkpoint that tells of it. */
@Injectable()
export class BulkRun {
  constructor(@Inject(BulkTargets) private readonly targets: BulkTargets) {}

  /** Runs to the end, or until it is to stop. @throws StoppedEarly with what is done and what not */
  async run(selector: BulkSelector, task: BulkTask, context: ActionContext): Promise<BulkState> {
    const { signal, checkpoint } = context;
    let state = checkpoint.resume<BulkState>();
    if (state?.last) await task.takenUp?.(state.last.flat());
    const items = await this.itemsOf(selector, context, state);
    state ??= {
      at: 0,
      total: items.length,
      tally: NOTHING,
      stopping: [],
      added: await this.added(selector, context),
      ...(task.takenUp && { last: [[], []] }),
    };
    const first = 'jobIds' in selector || context.selection ? 0 : state.at;
    const seen = new Set(items.slice(0, state.at - first).map(({ id }) => id));
    const size = new ChunkSize({ targetMs: LOCKED_MS, least: 25, most: 1_000 });
    const chunkAt = (from: number) => {
      const chunk = items.slice(from, from + size.current);
      return { chunk, work: new Ahead(task.workOn(chunk)) };
    };
    let next = chunkAt(state.at - first);
    try {
      while (next.chunk.length > 0) {
        const soFar = state;
        mayStop(signal, () => ({
          ...outcomeOf(soFar, context),
          done: soFar.tally.done,
          not_done: soFar.total - soFar.at,
        }));
        const { chunk } = next;
        const work = timed(await next.work.get(), size);
        next = chunkAt(state.at - first + chunk.length);
        state = await this.chunk(state, chunk, seen, work, context);
        context.progress({ done: state.at, total: state.total });
      }
      return state;
    } finally {
      await next.work.ended();
    }
  }

  private async chunk(
    state: BulkState,
    chunk: readonly BulkItem[],
    seen: Set<string>,
    work: BulkWork,
    context: ActionContext,
  ): Promise<BulkState> {
    const fresh = new Set<BulkItem>();
    for (const item of chunk) {
      if (!seen.has(item.id)) fresh.add(item);
      seen.add(item.id);
    }
    let next = state;
    const advance = (verdicts: readonly BulkVerdict[]): BulkState => {
      const byItem = new Map([...fresh].map((item, index) => [item, verdicts[index]]));
      const all = chunk.map(
        (item): BulkVerdict => byItem.get(item) ?? { id: item.id, outcome: 'skipped', reason: 'duplicate' },
      );
      return {
        ...state,
        at: state.at + chunk.length,
        after: chunk.at(-1)?.id,
        tally: counted(state.tally, all),
        stopping: [...state.stopping, ...idsOf(all, 'stopping')],
        ...(state.last && { last: [state.last[1], idsOf(all, 'done')] }),
      };
    };
    try {
      await work([...fresh], async (tx, verdicts) => {
        next = advance(verdicts);
        await context.checkpoint.save(next, tx);
      });
      return next;
    } catch (error) {
      if (!isRefused(error)) throw error;
      return this.parts(state, chunk, seen, work, context, error);
    }
  }

  /** Something in the chunk cannot be stored: the others are done without it. */
  private async parts(
    state: BulkState,
    chunk: readonly BulkItem[],
    seen: Set<string>,
    work: BulkWork,
    context: ActionContext,
    error: unknown,
  ): Promise<BulkState> {
    for (const { id } of chunk) seen.delete(id);
    const [only, second] = chunk;
    if (only && !second) {
      const verdict: BulkVerdict = { id: only.id, outcome: 'failed', reason: 'INTERNAL_ERROR' };
      const next = { ...state, at: state.at + 1, after: only.id, tally: counted(state.tally, [verdict]) };
      await context.checkpoint.save(next);
      return next;
    }
    if (chunk.length === 0) throw error;
    const middle = Math.ceil(chunk.length / 2);
    const half = await this.chunk(state, chunk.slice(0, middle), seen, work, context);
    return this.chunk(half, chunk.slice(middle), seen, work, context);
  }

  private async itemsOf(
    selector: BulkSelector,
    { selection }: ActionContext,
    state: BulkState | undefined,
  ): Promise<BulkItem[]> {
    if (!state || selection || 'jobIds' in selector) return this.targets.items(selector, selection);
    return this.targets.find(selector, state.after, state.total - state.at);
  }

  private async added(selector: BulkSelector, { selection }: ActionContext): Promise<number> {
    if (!selection || 'jobIds' in selector) return 0;
    const known = new Set(selection.map(({ id }) => id));
    return (await this.targets.find(selector)).filter(({ id }) => !known.has(id)).length;
  }
}

/** The work, which takes note of how long it took until its rows were let go of; what it does after that holds up nobody. */
function timed(work: BulkWork, size: ChunkSize): BulkWork {
  return (items, alongside) => {
    const startedAt = performance.now();
    return work(items, async (tx, verdicts) => {
      await alongside(tx, verdicts);
      if (items.length > 0) size.took(performance.now() - startedAt, items.length);
    });
  };
}

function idsOf(verdicts: readonly BulkVerdict[], outcome: BulkVerdict['outcome']): string[] {
  return verdicts.filter((verdict) => verdict.outcome === outcome).map(({ id }) => id);
}

/** What a run came to, as it is answered. */
export function outcomeOf({ total, tally, added }: BulkState, { selection }: ActionContext): BulkOutcome {
  const { skipped, failed, skipped_by_reason, failed_by_reason, first_skipped, first_failed } = tally;
  const { changed = 0, not_found: gone = 0 } = skipped_by_reason;
  return {
    requested: total,
    skipped,
    failed,
    skipped_by_reason,
    failed_by_reason,
    first_skipped,
    first_failed,
    ...(selection ? { since_preview: { added, changed, gone } } : {}),
  };
}
