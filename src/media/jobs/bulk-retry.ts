import { Injectable } from '@nestjs/common';
import { Db, type Tx } from '../../platform/postgres/db';
import { idArray } from '../../platform/postgres/id-lists';
import { groupBy } from '../flow/group-by';
import { StepDispatch } from '../flow/step-dispatch';
import { recordEventOfJobs } from '../flow/system-events';
import { moveJobsUntold, type MovedStep } from '../flow/transitions';
import { countedAtOnce } from '../rollups/counted-at-once';
import { lockJobs } from '../steps/step';
import { deleteResults } from '../steps/step-results';
import type { AfterCommits } from './after-commits';
import { type Alongside, type BulkItem, type BulkVerdict, ids, judge } from './bulk';
import { BulkEvents } from './bulk-events';
import { BulkRerunPlan, type PlannedRetry } from './bulk-rerun-plan';
import { resetSteps } from './job-retry';
import type { Rerun, RetryFrom } from './rerun-plan';

/** What was found out about many jobs before they are locked. */
export interface BulkRetryPlan {
  readonly from: RetryFrom;
  readonly jobs: ReadonlyMap<string, PlannedRetry>;
}

/** Queues many failed and cancelled jobs again in one transaction, as {@link JobRetry} does one. */
@Injectable()
export class BulkRetry {
  constructor(
    private readonly db: Db,
    private readonly plan: BulkRerunPlan,
    private readonly dispatch: StepDispatch,
    private readonly events: BulkEvents,
  ) {}

  /** What would run again of these jobs. Looking at files takes its time, so it is done before the jobs are locked. */
  async planOf(items: readonly BulkItem[], from: RetryFrom): Promise<BulkRetryPlan> {
    return { from, jobs: await this.plan.of(ids(items), from) };
  }

  /** Retries those that can be; answers for each, in the order given. What follows in Redis is left to `after`. */
  async retry(
    items: readonly BulkItem[],
    plan: BulkRetryPlan,
    options: { alongside: Alongside; after: AfterCommits },
  ): Promise<BulkVerdict[]> {
    const done = await this.db.transaction(async (tx) => {
      const jobs = await lockJobs(tx, idArray(ids(items)));
      const { verdicts, chosen } = judge(items, jobs, (job) => {
        if (job.status !== 'failed' && job.status !== 'cancelled') return job.status;
        // It ended since it was looked at: what was found out does not hold, if anything was.
        return plan.jobs.get(job.id)?.attempt === job.attempt ? undefined : 'changed';
      });
      const ready = await this.retryIn(tx, ids(chosen), plan);
      await options.alongside(tx, verdicts);
      return { verdicts, chosen, ready };
    });
    const changed = done.chosen.map(({ id, attempt }) => ({
      id,
      attempt: attempt + 1,
      progress: plan.jobs.get(id)?.rerun.progress ?? 0,
    }));
    await options.after.add(async () => {
      await Promise.all([this.dispatch.enqueue(done.ready), this.events.changed(changed, 'queued')]);
    });
    return done.verdicts;
  }

  private async retryIn(
    tx: Tx,
    jobIds: readonly string[],
    { from, jobs }: BulkRetryPlan,
  ): Promise<MovedStep[]> {
    if (jobIds.length === 0) return [];
    const results = jobIds.flatMap((id) => jobs.get(id)?.results ?? []);
    if (results.length > 0) await deleteResults(tx, jobIds, results);
    const alike = groupBy(jobIds, (id) => jobs.get(id)?.rerun);
    const ready: MovedStep[] = [];
    await countedAtOnce(tx, { jobIds, becoming: 'queued' }, async () => {
      for (const [rerun, ids] of alike) if (rerun) ready.push(...(await this.again(tx, ids, rerun)));
    });
    for (const [rerun, ids] of alike)
      await recordEventOfJobs(
        tx,
        {
          level: 'info',
          event: 'job.retried',
          message: 'Job %1$s was queued again as attempt %2$s',
          data: { from, rerun_steps: rerun?.agents },
        },
        ids,
      );
    return ready;
  }

  /** Jobs that are alike, each of which can be retried. */
  private async again(tx: Tx, jobIds: readonly string[], rerun: Rerun): Promise<MovedStep[]> {
    await moveJobsUntold(tx, 'retry', {
      where: 'id = ANY($1)',
      params: [idArray(jobIds), rerun.progress],
      set: `attempt = attempt + 1, progress = $2, error_code = NULL, error_message = NULL, started_at = NULL,
        finished_at = NULL, cancel_requested_at = NULL, cancel_reason = NULL`,
    });
    return resetSteps(tx, jobIds, rerun);
  }
}
