import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { Walk } from '../../../media/flow/queues/step-entries';
import { AfterCommits } from '../../../media/jobs/after-commits';
import { BulkCancellation } from '../../../media/jobs/bulk-cancellation';
import { BulkRetry } from '../../../media/jobs/bulk-retry';
import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import { type Preview, PREVIEW_SAMPLE } from '../../../pipeline/preview/preview';
import { Db } from '../../../platform/postgres/db';
import { type BulkOutcome, BulkRun, type BulkState, type BulkTask, outcomeOf } from './bulk-run';
import { type BulkSelector, BulkTargets } from './bulk-targets';

/** How long it is waited for running steps to end, in milliseconds: twice what one may take. */
const WAIT_MS = 10_000;
/** How often it is looked, in milliseconds. */
const LOOK_MS = 200;

/** What cancelling many jobs came to. */
export interface BulkCancelled extends BulkOutcome {
  cancelled: number;
  /** Of the cancelled: whose running step was told to end and has not done so yet. */
  still_stopping: number;
  first_cancelled: string[];
}

/** What retrying many jobs came to. */
export interface BulkRetried extends BulkOutcome {
  retried: number;
  first_retried: string[];
}

/** Cancels and retries many jobs. */
@Injectable()
export class JobsInBulk {
  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(BulkTargets) private readonly targets: BulkTargets,
    @Inject(BulkRun) private readonly bulk: BulkRun,
    @Inject(BulkCancellation) private readonly cancellation: BulkCancellation,
    @Inject(BulkRetry) private readonly retries: BulkRetry,
  ) {}

  /** Freezes those of the jobs that would be cancelled. */
  previewCancel(selector: BulkSelector): Promise<Preview> {
    return this.preview(selector, ['queued', 'processing'], 'the job becomes cancelled');
  }

  /** Freezes those of the jobs that would be retried. */
  previewRetry(selector: BulkSelector): Promise<Preview> {
    return this.preview(selector, ['failed', 'cancelled'], 'the job is queued again');
  }

  /** Cancels those that can be. */
  async cancel(selector: BulkSelector, context: ActionContext): Promise<BulkCancelled> {
    const walk: Walk = new Map();
    const reason = context.reason ?? 'Cancelled with many others on request';
    const state = await this.run(selector, context, (after) => ({
      workOn: () => (items, alongside) =>
        this.cancellation.cancelAhead(items, { reason, alongside, walk, after }),
      takenUp: (jobIds) => this.cancellation.removeEntriesOf(jobIds),
    }));
    return {
      cancelled: state.tally.done,
      still_stopping: await this.stillRunning(state.stopping),
      first_cancelled: state.tally.first_done,
      ...outcomeOf(state, context),
    };
  }

  /** Retries those that can be, each from what failed. */
  async retry(selector: BulkSelector, context: ActionContext): Promise<BulkRetried> {
    // What Redis has not been given is added by the dispatcher.
    const state = await this.run(selector, context, (after) => ({
      workOn: async (chunk) => {
        const plan = await this.retries.planOf(chunk, 'failed_step');
        return (items, alongside) => this.retries.retry(items, plan, { alongside, after });
      },
    }));
    return {
      retried: state.tally.done,
      first_retried: state.tally.first_done,
      ...outcomeOf(state, context),
    };
  }

  /** Runs over the jobs; when it ends, or stops early, all that follows from what was committed has been done. */
  private async run(
    selector: BulkSelector,
    context: ActionContext,
    task: (after: AfterCommits) => BulkTask,
  ): Promise<BulkState> {
    const after = new AfterCommits();
    try {
      return await this.bulk.run(selector, task(after), context);
    } finally {
      await after.done();
    }
  }

  private async preview(
    selector: BulkSelector,
    statuses: readonly string[],
    effect: string,
  ): Promise<Preview> {
    const found = await this.targets.find(selector);
    const selection = found.filter(({ state }) => statuses.includes(state.split(':')[0] ?? ''));
    const left = ('jobIds' in selector ? selector.jobIds.length : found.length) - selection.length;
    return {
      selection,
      effects: selection.slice(0, PREVIEW_SAMPLE).map(({ id }) => ({ target: id, effect })),
      warnings:
        left > 0 ? [`${left} of the jobs would be left alone: they are not ${statuses.join(' or ')}.`] : [],
    };
  }

  /** Waits for the ends of jobs that were told to stop; how many have not come to it. */
  private async stillRunning(jobIds: readonly string[]): Promise<number> {
    const deadline = performance.now() + WAIT_MS;
    for (;;) {
      const [row] = await this.db.query<{ running: number }>(
        `SELECT count(*) AS running FROM jobs WHERE id = ANY($1) AND status IN ('queued', 'processing')`,
        [jobIds],
      );
      const running = row?.running ?? 0;
      if (running === 0 || performance.now() > deadline) return running;
      await delay(LOOK_MS);
    }
  }
}
