import { Injectable } from '@nestjs/common';
import type { Tx } from '../../platform/postgres/db';
import { type JobRow, readSteps, type StepRow } from '../steps/step';
import { AgentRegistry } from './agent-registry';
import { abortsOf, type FlowChanges } from './flow-changes';
import { weightedProgress } from './progress';
import { recordEvent } from './system-events';
import { isJobSettled, isStepDone, moveJob, moveSteps } from './transitions';

/**
 * Draws the conclusions from the steps of a job: what may run now, and whether the job has ended. Run after
 * every change of a step, in its transaction and under the lock of the job. Running it once more changes
 * nothing, so the dispatcher runs it wherever it doubts.
 */
@Injectable()
export class JobAdvance {
  constructor(private readonly agents: AgentRegistry) {}

  /** Advances `job`, which the caller has locked; what changed goes into `changes`. */
  async advance(tx: Tx, job: JobRow, changes: FlowChanges): Promise<void> {
    if (isJobSettled(job.status)) return;
    const steps = await readSteps(tx, job.id);
    const failed = steps.find((step) => step.status === 'failed');
    if (job.cancel_requested_at) {
      // The aborted step first reports that its process is gone; only then is the job cancelled.
      if (!steps.some((step) => step.status === 'processing')) await this.cancel(tx, job, steps, changes);
    } else if (failed) {
      await this.fail(tx, job, failed, steps, changes);
    } else if (steps.every((step) => isStepDone(step.status))) {
      await this.complete(tx, job, changes);
    } else {
      await this.unblock(tx, job, steps, changes);
    }
  }

  private async unblock(tx: Tx, job: JobRow, steps: readonly StepRow[], changes: FlowChanges): Promise<void> {
    const done = new Set(steps.filter((step) => isStepDone(step.status)).map((step) => step.agent));
    const ready = steps.filter(
      (step) => step.status === 'blocked' && step.needs.every((need) => done.has(need)),
    );
    if (ready.length > 0) {
      changes.addSteps(
        await moveSteps(tx, 'unblock', {
          where: 'id = ANY($1)',
          params: [ready.map((step) => step.id)],
          set: 'queued_at = now(), not_before = now()',
        }),
      );
    }
    const progress = Math.max(
      job.progress,
      weightedProgress(steps, (agent) => this.agents.weightOf(agent)),
    );
    await tx.execute('UPDATE jobs SET progress = $2, updated_at = now() WHERE id = $1', [job.id, progress]);
    changes.addJob({ job_id: job.id, status: job.status, progress, attempt: job.attempt });
  }

  private async complete(tx: Tx, job: JobRow, changes: FlowChanges): Promise<void> {
    const moved = await moveJob(tx, 'complete', {
      where: 'id = $1',
      params: [job.id],
      set: 'progress = 1, finished_at = now(), error_code = NULL, error_message = NULL',
    });
    if (!moved) return;
    changes.ended.push(job);
    await recordEvent(tx, {
      level: 'info',
      event: 'job.completed',
      message: `Job ${job.id} completed`,
      jobId: job.id,
      traceId: job.trace_id,
    });
    changes.addJob({ job_id: job.id, status: moved.status, progress: 1, attempt: job.attempt });
  }

  private async fail(
    tx: Tx,
    job: JobRow,
    failed: StepRow,
    steps: readonly StepRow[],
    changes: FlowChanges,
  ): Promise<void> {
    const moved = await moveJob(tx, 'fail', {
      where: 'id = $1',
      params: [job.id, failed.error_code, failed.error_message],
      set: 'error_code = $2, error_message = $3, finished_at = now()',
    });
    if (!moved) return;
    changes.ended.push(job);
    await this.cancelOpen(tx, job, steps, 'Another step of the job failed', changes);
    await recordEvent(tx, {
      level: 'error',
      event: 'job.failed',
      message: `Job ${job.id} failed at ${failed.agent}: ${failed.error_message}`,
      data: { agent: failed.agent, error_code: failed.error_code, failures: failed.failures },
      jobId: job.id,
      traceId: job.trace_id,
    });
    const { status } = moved;
    const { error_code, error_message } = failed;
    changes.addJob({
      job_id: job.id,
      status,
      progress: job.progress,
      attempt: job.attempt,
      error_code,
      error_message,
    });
  }

  private async cancel(tx: Tx, job: JobRow, steps: readonly StepRow[], changes: FlowChanges): Promise<void> {
    const moved = await moveJob(tx, 'cancel', {
      where: 'id = $1',
      params: [job.id],
      set: 'finished_at = now()',
    });
    if (!moved) return;
    changes.ended.push(job);
    await this.cancelOpen(tx, job, steps, job.cancel_reason ?? 'cancelled', changes);
    await recordEvent(tx, {
      level: 'info',
      event: 'job.cancelled',
      message: `Job ${job.id} was cancelled`,
      data: { reason: job.cancel_reason },
      jobId: job.id,
      traceId: job.trace_id,
    });
    changes.addJob({ job_id: job.id, status: moved.status, progress: job.progress, attempt: job.attempt });
  }

  /** A settled job has no open steps: what still runs of it is told to stop, and its writes come too late. */
  private async cancelOpen(
    tx: Tx,
    job: JobRow,
    steps: readonly StepRow[],
    reason: string,
    changes: FlowChanges,
  ): Promise<void> {
    changes.addSteps(
      await moveSteps(tx, 'cancel', {
        where: 'job_id = $1',
        params: [job.id],
        set: 'finished_at = now(), lease_until = NULL',
      }),
    );
    changes.aborts.push(...abortsOf(steps, reason));
  }
}
