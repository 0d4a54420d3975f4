import { Injectable, Logger } from '@nestjs/common';
import { Db } from '../../platform/postgres/db';
import { HELD, QueueState } from './queues/queue-state';
import { StepEntries } from './queues/step-entries';
import type { MovedStep } from './transitions';
import { reasonOf } from '../../platform/errors/unavailable';

/** Hands steps that wait in Postgres over to Bull. */
@Injectable()
export class StepDispatch {
  private readonly log = new Logger(StepDispatch.name);

  constructor(
    private readonly db: Db,
    private readonly state: QueueState,
    private readonly entries: StepEntries,
  ) {}

  /**
   * Adds these steps to their queues, unless a drain holds them back. Never throws: what Redis does not take now, the
   * dispatcher adds later.
   */
  async enqueue(steps: readonly MovedStep[]): Promise<void> {
    if (steps.length === 0) return;
    try {
      await this.entries.add(await this.admitted(steps));
    } catch (error) {
      this.log.warn(`${steps.length} steps will be dispatched later: ${reasonOf(error)}`);
    }
  }

  /** Adds all waiting steps of a job. Never throws over Redis. */
  async enqueueJob(jobId: string): Promise<void> {
    await this.enqueue(
      await this.db.query<MovedStep>(
        `SELECT id, job_id, agent, status, attempt, priority, progress, not_before
         FROM steps WHERE job_id = $1 AND status = 'queued'`,
        [jobId],
      ),
    );
  }

  private async admitted(steps: readonly MovedStep[]): Promise<readonly MovedStep[]> {
    const standings = await this.state.standings();
    const doubtful = steps.filter((step) => standings.get(step.agent)?.drain);
    if (doubtful.length === 0) return steps;
    const rows = await this.db.query<{ id: string }>(`SELECT id FROM steps WHERE id = ANY($1) AND ${HELD}`, [
      doubtful.map((step) => step.id),
    ]);
    const held = new Set(rows.map((row) => row.id));
    return steps.filter((step) => !held.has(step.id));
  }
}
