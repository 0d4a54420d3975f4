import { Injectable } from '@nestjs/common';
import { Db, type Tx } from '../../platform/postgres/db';
import { groupBy } from '../flow/group-by';
import { StepDispatch } from '../flow/step-dispatch';
import { recordEventOfJobs } from '../flow/system-events';
import { moveJobs, type MovedStep } from '../flow/transitions';
import { type JobRow, lockJobs } from '../steps/step';
import type { AfterCommits } from './after-commits';
import { type Alongside, type BulkItem, type BulkVerdict, judge } from './bulk';
import { BulkEvents } from './bulk-events';
import { resetSteps } from './job-retry';
import { type Rerun, RerunPlan, type RetryFrom } from './rerun-plan';

/** Queues many failed and cancelled jobs again in one transaction, as {@link JobRetry} does one. */
@Injectable()
export class BulkRetry {
  constructor(
    private readonly db: Db,
    private readonly plan: RerunPlan,
    private readonly dispatch: StepDispatch,
    private readonly events: BulkEvents,
  ) {}

  /** Retries those that can be; answers for each, in the order given. What follows in Redis is left to `after`. */
  async retry(
    items: readonly BulkItem[],
    options: { from: RetryFrom; alongside: Alongside; after: AfterCommits },
  ): Promise<BulkVerdict[]> {
    const ids = items.map(({ id }) => id);
    // Looking at files takes its time, so it is done before the jobs are locked.
    const before = await this.attempts(ids);
    const reruns = await this.plan.of(this.db, ids, options.from);
    const done = await this.db.transaction(async (tx) => {
      const jobs = await lockJobs(tx, ids);
      const { verdicts, chosen } = judge(items, jobs, (job) => {
        if (job.status !== 'failed' && job.status !== 'cancelled') return job.status;
        // Retried and ended since it was looked at: what was found out does not hold.
        return before.get(job.id) === job.attempt ? undefined : 'changed';
      });
      const ready = await this.retryIn(tx, chosen, reruns, options.from);
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

  private async retryIn(
    tx: Tx,
    jobs: readonly JobRow[],
    reruns: ReadonlyMap<string, Rerun>,
    from: RetryFrom,
  ): Promise<MovedStep[]> {
    if (jobs.length === 0) return [];
    // Few values: they depend on which steps are kept.
    const byProgress = groupBy(jobs, (job) => reruns.get(job.id)?.progress ?? 0);
    for (const [progress, some] of byProgress)
      await moveJobs(tx, 'retry', {
        where: 'id = ANY($1)',
        params: [some.map((job) => job.id), progress],
        set: `attempt = attempt + 1, progress = $2, error_code = NULL, error_message = NULL, started_at = NULL,
          finished_at = NULL, cancel_requested_at = NULL, cancel_reason = NULL`,
      });
    const ready = await resetSteps(
      tx,
      jobs.flatMap((job) => reruns.get(job.id) ?? []),
    );
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
}
