import { Injectable, Logger } from '@nestjs/common';
import { MessageBus } from '../../platform/messages/message-bus';
import { Db, type Tx } from '../../platform/postgres/db';
import { groupBy } from '../flow/group-by';
import { recordJob } from '../flow/job-trace';
import { StepEntries, type Walk } from '../flow/queues/step-entries';
import { recordEventOfJobs } from '../flow/system-events';
import { isJobSettled, moveJobsUntold, type MovedStep, moveStepsUntold } from '../flow/transitions';
import { countedAtOnce } from '../rollups/counted-at-once';
import { type JobRow, lockJobs } from '../steps/step';
import type { AfterCommits } from './after-commits';
import { type Alongside, type BulkItem, type BulkVerdict, judge, waitingStateOf } from './bulk';
import { BulkEvents } from './bulk-events';

type OpenStep = Pick<MovedStep, 'id' | 'job_id' | 'agent' | 'status' | 'attempt' | 'priority' | 'not_before'>;

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
  idle: JobRow[];
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
    const { aborts, ...done } = await this.db.transaction(async (tx) => {
      const jobs = await lockJobs(tx, ids(items));
      const open = await this.openSteps(tx, ids(jobs));
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
      const stepsOf = (some: JobRow[], status: string) =>
        some.flatMap((job) => open.get(job.id) ?? []).filter((step) => step.status === status);
      return {
        verdicts: told,
        idle,
        waiting: stepsOf(idle, 'queued'),
        aborts: stepsOf(running, 'processing'),
      };
    });
    for (const step of aborts)
      await this.bus.publish('step.abort', { step_id: step.id, job_id: step.job_id, reason: 'cancel' });
    for (const job of done.idle)
      recordJob(job, { job_id: job.id, status: 'cancelled', progress: job.progress, attempt: job.attempt });
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
    const steps = await this.db.query<OpenStep>(
      `SELECT id, job_id, agent, status, attempt, priority, not_before FROM steps
        WHERE job_id = ANY($1) AND status = 'cancelled' AND queued_at IS NOT NULL`,
      [jobIds],
    );
    return this.removeEntries(steps);
  }

  private async openSteps(tx: Tx, jobIds: string[]): Promise<Map<string, OpenStep[]>> {
    const steps = await tx.query<OpenStep>(
      `SELECT id, job_id, agent, status, attempt, priority, not_before FROM steps
        WHERE job_id = ANY($1) AND status IN ('queued', 'processing')`,
      [jobIds],
    );
    return groupBy(steps, (step) => step.job_id);
  }

  private async cancelIdle(tx: Tx, jobs: readonly JobRow[], reason: string): Promise<void> {
    if (jobs.length === 0) return;
    await countedAtOnce(tx, { jobIds: ids(jobs), becoming: 'cancelled' }, () =>
      moveJobsUntold(tx, 'cancel', {
        where: 'id = ANY($1)',
        params: [ids(jobs), reason],
        set: 'finished_at = now(), cancel_requested_at = now(), cancel_reason = $2',
      }),
    );
    await moveStepsUntold(tx, 'cancel', {
      where: 'job_id = ANY($1)',
      params: [ids(jobs)],
      set: 'finished_at = now(), lease_until = NULL',
    });
    await recordEventOfJobs(
      tx,
      { level: 'info', event: 'job.cancelled', message: 'Job %1$s was cancelled', data: { reason } },
      ids(jobs),
    );
  }

  private async ask(tx: Tx, jobs: readonly JobRow[], reason: string): Promise<void> {
    if (jobs.length === 0) return;
    await tx.execute(
      'UPDATE jobs SET cancel_requested_at = now(), cancel_reason = $2, updated_at = now() WHERE id = ANY($1)',
      [ids(jobs), reason],
    );
  }

  private async removeEntries(steps: readonly OpenStep[], walk?: Walk): Promise<number> {
    try {
      return await this.entries.remove(steps, walk);
    } catch (error) {
      // What stays behind in Bull is refused when a worker wants to claim it.
      this.log.warn(`Entries of cancelled steps stay in Redis for now: ${(error as Error).message}`);
      return 0;
    }
  }
}

function refusal(job: JobRow, open: readonly OpenStep[] | undefined, queue?: string) {
  if (isJobSettled(job.status)) return job.status;
  if (job.cancel_requested_at) return 'cancelling';
  if (queue === undefined) return undefined;
  return waitingIn(queue, open) ? undefined : 'changed';
}

function waitingIn(queue: string, open: readonly OpenStep[] = []): OpenStep | undefined {
  return open.find((step) => step.agent === queue && step.status === 'queued');
}

function stateIn(queue: string, job: JobRow, open?: readonly OpenStep[]): string | undefined {
  const step = waitingIn(queue, open);
  return step && waitingStateOf(job, step);
}

function ids(of: readonly { id: string }[]): string[] {
  return of.map(({ id }) => id);
}
