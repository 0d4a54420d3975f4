import { Injectable, Logger } from '@nestjs/common';
import { Db } from '../../platform/postgres/db';
import { StepEntries } from './queues/step-entries';
import type { MovedStep } from './transitions';

/** Hands steps that wait in Postgres over to Bull. */
@Injectable()
export class StepDispatch {
  private readonly log = new Logger(StepDispatch.name);

  constructor(
    private readonly db: Db,
    private readonly entries: StepEntries,
  ) {}

  /** Adds these steps to their queues. Never throws: what Redis does not take now, the dispatcher adds later. */
  async enqueue(steps: readonly MovedStep[]): Promise<void> {
    if (steps.length === 0) return;
    try {
      await this.entries.add(steps);
    } catch (error) {
      this.log.warn(`${steps.length} steps will be dispatched later: ${(error as Error).message}`);
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
}
