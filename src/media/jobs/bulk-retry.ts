import { Injectable } from '@nestjs/common';
import { Db, type Tx } from '../../platform/postgres/db';
import { groupBy } from '../flow/group-by';
import { StepDispatch } from '../flow/step-dispatch';
import { recordEventOfJobs } from '../flow/system-events';
import { moveJobsUntold, type MovedStep } from '../flow/transitions';
import { countedAtOnce } from '../rollups/counted-at-once';
import { type JobState, lockJobStates } from '../steps/step';
import type { AfterCommits } from './after-commits';
import { type Alongside, type BulkItem, type BulkVerdict, judge } from './bulk';
import { BulkEvents } from './bulk-events';
import { resetSteps } from './job-retry';
import { type Rerun, RerunPlan, type RetryFrom } from './rerun-plan';

/** What was found out about many jobs before they are locked. */
export interface BulkRetryPlan {
  from: RetryFrom;
  /** Of the jobs, when it was looked at them. */
  attempts: ReadonlyMap<string, number>;
  reruns: ReadonlyMap<string, Rerun>;
}

/** Queues many failed and cancelled jobs again in one transaction, as {@link JobRetry} does one. */
@Injectable()
export class BulkRetry {
  constructor(
    private readonly db: Db,
    private readonly plan: RerunPlan,
    private readonly dispatch: StepDispatch,
    private readonly events: BulkEvents,
  ) {}

  /** What would run again of these jobs. Looking at files takes its time, so it is done before the jobs are locked. */
  async planOf(items: readonly BulkItem[], from: RetryFrom): Promise<BulkRetryPlan> {
    const ids = items.map(({ id }) => id);
    const attempts = await this.attempts(ids);
    return { from, attempts, reruns: await this.plan.of(this.db, ids, from) };
  }

  /** Retries those that can be; answers for each, in the order given. What follows in Redis is left to `after`. */
  async retry(
    items: readonly BulkItem[],
    plan: BulkRetryPlan,
    options: { alongside: Alongside; after: AfterCommits },
  ): Promise<BulkVerdict[]> {
    const { reruns } = plan;
    const ids = items.map(({ id }) => id);
    const done = await this.db.transaction(async (tx) => {
      const jobs = await lockJobStates(tx, ids);
      const { verdicts, chosen } = judge(items, jobs, (job) => {
        if (job.status !== 'failed' && job.status !== 'cancelled') return job.status;
        // Retried and ended since it was looked at: what was found out does not hold.
        return plan.attempts.get(job.id) === job.attempt ? undefined : 'changed';
      });
      const ready = await this.retryIn(tx, chosen, plan);
      await options.alongside(tx, verdicts);
      return { verdicts, chosen, ready };
    });
    const changed = done.chosen.map(({ id, attempt }) => ({
      id,
      attempt: attempt + 1,
      progress: reruns.get(id)?.progress ?? 0,
    }));
    await options.after.add(async () => {
      await Promise.all([this.dispatch.enqueue(done.ready), this.events.changed(changed, 'queued')]);
    });
    return done.verdicts;
  }

  private async attempts(ids: readonly string[]): Promise<Map<string, number>> {
    const rows = await this.db.query<{ id: string; attempt: number }>(
      'SELECT id, attempt FROM jobs WHERE id = ANY($1)',
      [ids],
    );
    return new Map(rows.map((row) => [row.id, row.attempt]));
  }

  private async retryIn(tx: Tx, jobs: readonly JobState[], plan: BulkRetryPlan): Promise<MovedStep[]> {
    if (jobs.length === 0) return [];
    const { from, reruns } = plan;
    const jobIds = jobs.map((job) => job.id);
    const again = jobs.flatMap((job) => reruns.get(job.id) ?? []);
    const ready = await countedAtOnce(tx, { jobIds, becoming: 'queued' }, async () => {
      await this.moveJobs(tx, jobs, reruns);
      return resetSteps(tx, again);
    });
    const byAgents = groupBy(jobs, (job) => JSON.stringify([...(reruns.get(job.id)?.agents ?? [])]));
    for (const [agents, some] of byAgents)
      await recordEventOfJobs(
        tx,
        {
          level: 'info',
          event: 'job.retried',
          message: 'Job %1$s was queued again as attempt %2$s',
          data: { from, rerun_steps: JSON.parse(agents) as string[] },
        },
        some.map((job) => job.id),
      );
    return ready;
  }

  private async moveJobs(
    tx: Tx,
    jobs: readonly JobState[],
    reruns: ReadonlyMap<string, Rerun>,
  ): Promise<void> {
    // Few values: they depend on which steps are kept.
    const byProgress = groupBy(jobs, (job) => reruns.get(job.id)?.progress ?? 0);
    for (const [progress, some] of byProgress)
      await moveJobsUntold(tx, 'retry', {
        where: 'id = ANY($1)',
        params: [some.map((job) => job.id), progress],
        set: `attempt = attempt + 1, progress = $2, error_code = NULL, error_message = NULL, started_at = NULL,
          finished_at = NULL, cancel_requested_at = NULL, cancel_reason = NULL`,
      });
  }
}
