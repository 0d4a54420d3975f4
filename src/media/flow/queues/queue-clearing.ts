import { Injectable } from '@nestjs/common';
import { Db, type Tx } from '../../../platform/postgres/db';
import type { BulkVerdict } from '../../jobs/bulk';
import { BulkCancellation } from '../../jobs/bulk-cancellation';
import { isRefused } from '../../steps/persist';
import { ChunkSize } from './chunk-size';
import type { Walk } from './step-entries';

/** How long the rows of a chunk may stay locked, in milliseconds. */
const LOCKED_MS = 150;

/** Where in the order in which steps are taken a clearing is. */
type Cursor = readonly [priority: number, queued: string, id: string];
const START: Cursor = [0, '-infinity', '00000000-0000-0000-0000-000000000000'];

/** What waited for the queue when the clearing began, and comes later in its order. */
const WAITING = `agent = $1 AND status = 'queued' AND queued_at <= $2::timestamptz
  AND (priority, queued_at, id) > ($3::smallint, $4::timestamptz, $5::uuid)`;

/** A job whose step waits, and the tries that the two of them were in when it was chosen. */
export interface WaitingJob {
  id: string;
  /** As `waitingStateOf` says it. */
  state: string;
}

/** How far a clearing is; with it, it can be gone on with. */
export interface Clearing {
  cancelled_jobs: number;
  /** Jobs that could not be cancelled, because something of them cannot be stored. */
  failed_jobs: number;
  /** Entries taken out of Redis; what stays there is refused when a worker wants it. */
  removed_entries: number;
  /** The jobs of the last chunk, whose entries are taken out after its commit: whoever goes on sees to them first. */
  last: readonly string[];
  /** What waited for the queue before this is cleared. */
  until: string;
  /** What comes after this in the order of the queue, or in that of the chosen jobs, is still to be looked at. */
  after: Cursor;
  at: number;
  /** How many have been cancelled since the order was begun from its start. */
  this_round: number;
  /** The jobs that waited when it began. */
  total: number;
}

/** A job to be cancelled, and how far the clearing is after it. */
interface Target {
  id: string;
  state?: string;
  then: Pick<Clearing, 'after'> | Pick<Clearing, 'at'>;
}

/** How to clear a queue. */
export interface ClearOptions {
  /** What the jobs are cancelled with. */
  reason?: string;
  /** Only these jobs, and only as they were then (frozen by a preview). */
  jobs?: readonly WaitingJob[];
  /** Where an earlier clearing was. */
  from?: Clearing;
  /** Called in the transaction of each chunk, with how far it is then. */
  onCancelled?: (state: Clearing, tx: Tx) => Promise<void>;
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/**
 * Cancels the jobs whose steps wait for a queue, many in one transaction. They are taken in the order of the queue,
 * which is that of an index and of Bull's list; as steps can be moved within it meanwhile, it goes round until a round
 * finds none.
 */
@Injectable()
export class QueueClearing {
  constructor(
    private readonly db: Db,
    private readonly cancellation: BulkCancellation,
  ) {}

  /** Clears the queue; what comes to it meanwhile stays. @returns with how many are left, if it was stopped */
  async run(queue: string, options: ClearOptions): Promise<Clearing & { left: number }> {
    const walk: Walk = new Map();
    const size = new ChunkSize({ targetMs: LOCKED_MS, least: 25, most: 1_000 });
    let state = options.from ? await this.takenUp(options.from) : await this.begin(queue, options.jobs);
    for (;;) {
      if (options.signal?.aborted) return { ...state, left: await this.left(queue, state, options.jobs) };
      const chunk = await this.next(queue, state, size.current, options.jobs);
      if (chunk.length === 0) {
        if (options.jobs || state.this_round === 0) return { ...state, left: 0 };
        // What could not be cancelled still waits, and is met again.
        state = { ...state, after: START, this_round: 0, failed_jobs: 0 };
        continue;
      }
      const startedAt = performance.now();
      state = await this.clear(queue, state, chunk, options, walk);
      size.took(performance.now() - startedAt, chunk.length);
      options.onProgress?.(state.cancelled_jobs, state.total);
    }
  }

  private async begin(queue: string, jobs?: readonly WaitingJob[]): Promise<Clearing> {
    const [now] = await this.db.query<{ until: string }>('SELECT now()::text AS until');
    if (!now) throw new Error('Postgres does not tell the time');
    const nothing = { cancelled_jobs: 0, failed_jobs: 0, removed_entries: 0, this_round: 0, at: 0, last: [] };
    const state = { ...nothing, until: now.until, after: START, total: 0 };
    return { ...state, total: await this.left(queue, state, jobs) };
  }

  /** After the end of a process that may have had no time left for the entries of what it had cancelled. */
  private async takenUp(from: Clearing): Promise<Clearing> {
    const removed = await this.cancellation.removeEntriesOf(from.last);
    return { ...from, removed_entries: from.removed_entries + removed, last: [] };
  }

  private async next(
    queue: string,
    { at, after, until }: Clearing,
    limit: number,
    jobs?: readonly WaitingJob[],
  ): Promise<Target[]> {
    if (jobs)
      return jobs.slice(at, at + limit).map((job, index) => ({ ...job, then: { at: at + index + 1 } }));
    const steps = await this.db.query<{ id: string; step: string; priority: number; queued: string }>(
      `SELECT job_id AS id, id AS step, priority, queued_at::text AS queued FROM steps
        WHERE ${WAITING} ORDER BY priority, queued_at, steps.id LIMIT $6`,
      [queue, until, ...after, limit],
    );
    return steps.map(({ id, step, priority, queued }) => ({ id, then: { after: [priority, queued, step] } }));
  }

  private async clear(
    queue: string,
    before: Clearing,
    chunk: readonly Target[],
    options: ClearOptions,
    walk: Walk,
  ): Promise<Clearing> {
    let next = before;
    try {
      const { removedEntries } = await this.cancellation.cancel(chunk, {
        reason: options.reason ?? `The queue ${queue} was cleared`,
        queue,
        walk,
        alongside: async (tx, verdicts) => {
          const last = verdicts.filter(isCancelled).map(({ id }) => id);
          next = { ...counted(before, verdicts), last, ...chunk.at(-1)?.then };
          await options.onCancelled?.(next, tx);
        },
      });
      return { ...next, removed_entries: next.removed_entries + removedEntries };
    } catch (error) {
      if (!isRefused(error)) throw error;
      // Something in the chunk cannot be stored: the others are done without it.
      const [only, second] = chunk;
      if (!second) return { ...before, failed_jobs: before.failed_jobs + 1, ...only?.then };
      const middle = Math.ceil(chunk.length / 2);
      const half = await this.clear(queue, before, chunk.slice(0, middle), options, walk);
      return this.clear(queue, half, chunk.slice(middle), options, walk);
    }
  }

  private async left(
    queue: string,
    { at, after, until }: Clearing,
    jobs?: readonly WaitingJob[],
  ): Promise<number> {
    if (jobs) return jobs.length - at;
    const [row] = await this.db.query<{ left: number }>(
      `SELECT count(*) AS left FROM steps WHERE ${WAITING}`,
      [queue, until, ...after],
    );
    return row?.left ?? 0;
  }
}

function counted(before: Clearing, verdicts: readonly BulkVerdict[]): Clearing {
  const did = verdicts.filter(isCancelled).length;
  return {
    ...before,
    cancelled_jobs: before.cancelled_jobs + did,
    this_round: before.this_round + did,
  };
}

function isCancelled({ outcome }: BulkVerdict): boolean {
  return outcome === 'done' || outcome === 'stopping';
}
