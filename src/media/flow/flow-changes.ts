import type { Messages } from '../../platform/messages/message-bus';
import type { JobRow, StepRow } from '../steps/step';
import type { JobStatus, MovedStep } from './transitions';

/** The state of a job after a change, for those who watch it. */
export interface JobChange {
  job_id: string;
  status: JobStatus;
  progress: number;
  attempt: number;
  error_code?: string | null;
  error_message?: string | null;
}

/** A clip that a job now has. Times in seconds of the source. */
export interface NewClip {
  job_id: string;
  clip_id: string;
  position: number;
  start_s: number;
  end_s: number;
  score: number;
}

/** What the workers of those steps that run are told. */
export function abortsOf(
  steps: readonly Pick<StepRow, 'id' | 'job_id' | 'attempt' | 'status'>[],
  reason: string,
): Messages['step.abort'][] {
  return steps
    .filter((step) => step.status === 'processing')
    .map(({ id, job_id, attempt }) => ({ step_id: id, job_id, attempt, reason }));
}

/**
 * What a transaction changed. Collected while it runs and told after its commit: to the feeds, to whoever
 * waits, and to Bull, for the steps that became ready.
 */
export class FlowChanges {
  readonly steps = new Map<string, MovedStep>();
  readonly jobs = new Map<string, JobChange>();
  readonly clips: NewClip[] = [];
  /** The jobs that ended, as they were before that. */
  readonly ended: JobRow[] = [];
  /** Attempts of steps that were taken from their workers, who are to be told. */
  readonly aborts: Messages['step.abort'][] = [];

  /** Adds the newest state of these steps. */
  addSteps(steps: readonly MovedStep[]): void {
    for (const step of steps) this.steps.set(step.id, step);
  }

  /** Adds the newest state of a job. */
  addJob(job: JobChange): void {
    this.jobs.set(job.job_id, job);
  }

  /** The steps that wait for a worker now. */
  ready(): MovedStep[] {
    return [...this.steps.values()].filter((step) => step.status === 'queued');
  }
}
