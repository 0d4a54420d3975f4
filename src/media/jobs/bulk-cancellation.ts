import { Injectable, Logger } from '@nestjs/common';
import { MessageBus } from '../../platform/messages/message-bus';
import { Db, type Tx } from '../../platform/postgres/db';
import { idArray } from '../../platform/postgres/id-lists';
import { isRecording } from '../../platform/telemetry/spans';
import { abortsOf } from '../flow/flow-changes';
import { groupBy } from '../flow/group-by';
import { recordJob, type TracedJob } from '../flow/job-trace';
import { StepEntries, type Walk } from '../flow/queues/step-entries';
import { recordEventOfJobs } from '../flow/system-events';
import {
  type AlikeSteps,
  apart,
  isJobSettled,
  moveJobsUntold,
  type MovedStep,
  moveStepsUntold,
  stepIds,
} from '../flow/transitions';
import { countedAtOnce } from '../rollups/counted-at-once';
import { type JobState, lockJobs } from '../steps/step';
import type { AfterCommits } from './after-commits';
import { type Alongside, type BulkItem, type BulkVerdict, ids, judge, waitingStateOf } from './bulk';
import { BulkEvents } from './bulk-events';
import { reasonOf } from '../../platform/errors/unavailable';

type OpenStep = Pick<MovedStep, 'id' | 'job_id' | 'agent' | 'status' | 'attempt'>;

/** How to cancel many jobs. */
export interface BulkCancelOptions {
  reason: string;
  /** Only those with a step that waits in this queue; the states of the items are as {@link waitingStateOf} says them. */
  queue?: string;
  alongside: Alongside;
  /** Where a run of several chunks is in the queues. */
  walk?: Walk;
}

/** What has been committed, and what is left to do in Redis. */
interface Cancelled {
  verdicts: BulkVerdict[];
  idle: JobState[];
  waiting: OpenStep[];
}

/**
 * Cancels many jobs in one transaction, as {@link JobCancellation} does one: the same transitions, the same events,
 * one statement each.
 */
@Injectable()
export class BulkCancellation {
  private readonly log = new Logger(BulkCancellation.name);

  constructor(
    private readonly db: Db,
    private readonly bus: MessageBus,
    private readonly entries: StepEntries,
    private readonly events: BulkEvents,
  ) {}

  /** Cancels those that can be; answers for each, in the order given, and with the entries taken out of Redis. */
  async cancel(
    items: readonly BulkItem[],
    options: BulkCancelOptions,
  ): Promise<{ verdicts: BulkVerdict[]; removedEntries: number }> {
    const done = await this.inPostgres(items, options);
    return { verdicts: done.verdicts, removedEntries: await this.inRedis(done, options) };
  }

  /** The same, and what follows in Redis is left to `after`. */
  async cancelAhead(
    items: readonly BulkItem[],
    options: BulkCancelOptions & { after: AfterCommits },
  ): Promise<BulkVerdict[]> {
    const done = await this.inPostgres(items, options);
    await options.after.add(async () => {
      await this.inRedis(done, options);
    });
    return done.verdicts;
  }

  private async inPostgres(items: readonly BulkItem[], options: BulkCancelOptions): Promise<Cancelled> {
    const { aborts, traced, ...done } = await this.db.transaction(async (tx) => {
      const jobs = await lockJobs(tx, idArray(ids(items)));
      const open = groupBy(
        await stepsOf(tx, ids(jobs), `status IN ('queued', 'processing')`),
        (step) => step.job_id,
      );
      const { queue } = options;
      const { verdicts, chosen } = judge(
        items,
        jobs,
        (job) => refusal(job, open.get(job.id), queue),
        queue === undefined ? undefined : (job) => stateIn(queue, job, open.get(job.id)),
      );
      const running = chosen.filter((job) => open.get(job.id)?.some((step) => step.status === 'processing'));
      const stopping = new Set(ids(running));
      const idle = chosen.filter((job) => !stopping.has(job.id));
      await this.cancelIdle(tx, idle, options.reason);
      await this.ask(tx, running, options.reason);
      const told = verdicts.map((verdict): BulkVerdict =>
        stopping.has(verdict.id) && verdict.outcome === 'done'
          ? { ...verdict, outcome: 'stopping' }
          : verdict,
      );
      await options.alongside(tx, told);
      const openOf = (some: JobState[], status: string) =>
        some.flatMap((job) => open.get(job.id) ?? []).filter((step) => step.status === status);
      return {
        verdicts: told,
        idle,
        waiting: openOf(idle, 'queued'),
        aborts: openOf(running, 'processing'),
        traced: await this.traced(tx, idle),
      };
    });
    for (const abort of abortsOf(aborts, 'cancel')) await this.bus.publish('step.abort', abort);
    for (const job of traced) recordJob(job, { status: 'cancelled' });
    return done;
  }

  /** How many entries were removed. */
  private async inRedis({ waiting, idle }: Cancelled, { walk }: BulkCancelOptions): Promise<number> {
    const [removed] = await Promise.all([
      this.removeEntries(waiting, walk),
      this.events.changed(idle, 'cancelled'),
    ]);
    return removed;
  }

  /** Takes out of Redis what there still is of these cancelled jobs; how many entries that were. */
  async removeEntriesOf(jobIds: readonly string[]): Promise<number> {
    if (jobIds.length === 0) return 0;
    return this.removeEntries(
      await stepsOf(this.db, jobIds, `status = 'cancelled' AND queued_at IS NOT NULL`),
    );
  }

  /** What spans of their ends are made of, where anybody records them. */
  private traced(tx: Tx, jobs: readonly JobState[]): Promise<TracedJob[]> {
    if (!isRecording() || jobs.length === 0) return Promise.resolve([]);
    return tx.query<TracedJob>(
      'SELECT id, attempt, trace_id, trace_context, created_at, started_at FROM jobs WHERE id = ANY($1)',
      [idArray(ids(jobs))],
    );
  }

  private async cancelIdle(tx: Tx, jobs: readonly JobState[], reason: string): Promise<void> {
    if (jobs.length === 0) return;
    const jobIds = ids(jobs);
    const all = idArray(jobIds);
    await countedAtOnce(tx, { jobIds, becoming: 'cancelled' }, () =>
      moveJobsUntold(tx, 'cancel', {
        where: 'id = ANY($1)',
        params: [all, reason],
        set: 'finished_at = now(), cancel_requested_at = now(), cancel_reason = $2',
      }),
    );
    await moveStepsUntold(tx, 'cancel', {
      where: 'job_id = ANY($1)',
      params: [all],
      set: 'finished_at = now(), lease_until = NULL',
    });
    await recordEventOfJobs(
      tx,
      { level: 'info', event: 'job.cancelled', message: 'Job %1$s was cancelled', data: { reason } },
      jobIds,
    );
  }

  private async ask(tx: Tx, jobs: readonly JobState[], reason: string): Promise<void> {
    if (jobs.length === 0) return;
    await tx.execute(
      'UPDATE jobs SET cancel_requested_at = now(), cancel_reason = $2, updated_at = now() WHERE id = ANY($1)',
      [idArray(ids(jobs)), reason],
    );
  }

  private async removeEntries(steps: readonly OpenStep[], walk?: Walk): Promise<number> {
    try {
      return await this.entries.remove(steps, walk);
    } catch (error) {
      // What stays behind in Bull is refused when a worker wants to claim it.
      this.log.warn(`Entries of cancelled steps stay in Redis for now: ${reasonOf(error)}`);
      return 0;
    }
  }
}

function refusal(job: JobState, open: readonly OpenStep[] | undefined, queue?: string) {
  if (isJobSettled(job.status)) return job.status;
  if (job.cancelling) return 'cancelling';
  if (queue === undefined) return undefined;
  return waitingIn(queue, open) ? undefined : 'changed';
}

function waitingIn(queue: string, open: readonly OpenStep[] = []): OpenStep | undefined {
  return open.find((step) => step.agent === queue && step.status === 'queued');
}

function stateIn(queue: string, job: JobState, open?: readonly OpenStep[]): string | undefined {
  const step = waitingIn(queue, open);
  return step && waitingStateOf(job, step);
}

/** Those of the jobs' steps that fit. */
async function stepsOf(tx: Tx, jobIds: readonly string[], condition: string): Promise<OpenStep[]> {
  const rows = await tx.query<AlikeSteps<Omit<OpenStep, 'id' | 'job_id'>>>(
    `SELECT agent, status, attempt, ${stepIds('id')}
       FROM steps WHERE job_id = ANY($1) AND ${condition} GROUP BY agent, status, attempt`,
    [idArray(jobIds)],
  );
  return rows.flatMap(apart);
}
