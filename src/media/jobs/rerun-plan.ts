import { Injectable } from '@nestjs/common';
import type { Tx } from '../../platform/postgres/db';
import { BlobStore } from '../../platform/storage/blob-store';
import { AgentRegistry } from '../flow/agent-registry';
import { withDependents } from '../flow/dependents';
import { groupBy } from '../flow/group-by';
import { weightedProgress } from '../flow/progress';
import { keyOfStep } from '../flow/step-key';
import { isStepDone } from '../flow/transitions';
import type { StepRow } from '../steps/step';

/** From where a retried job goes on: from what failed, or from nothing. */
export type RetryFrom = 'failed_step' | 'start';

/** The part of a step that tells whether it runs again. */
export type PlannedStep = Pick<
  StepRow,
  'id' | 'job_id' | 'agent' | 'type' | 'needs' | 'status' | 'progress' | 'settings' | 'step_key'
>;

/** What runs again of jobs that are retried, and alike in this. */
export interface Rerun {
  /** The agents whose steps run again, with all that depends on them, in the order of the graph. */
  readonly agents: readonly string[];
  /** Those of them that need nothing of the others. */
  readonly first: readonly string[];
  /** Of the jobs, with what is kept, 0..1. */
  readonly progress: number;
}

/** The same of one job. */
export interface JobRerun extends Rerun {
  /** All of its steps, in the order of the graph. */
  readonly steps: readonly PlannedStep[];
}

interface StoredFile {
  step_id: string;
  storage_key: string;
  size_bytes: number;
}

/** Files that are looked at in one go. */
const FILES_AT_A_TIME = 64;

/** Finds out which outputs of jobs are still good: same agent, settings and inputs, and all files there. */
@Injectable()
export class RerunPlan {
  constructor(
    private readonly agents: AgentRegistry,
    private readonly blobs: BlobStore,
  ) {}

  /** What would run again, by job. Jobs that are not there are not in it. */
  async of(tx: Tx, jobIds: readonly string[], from: RetryFrom): Promise<Map<string, JobRerun>> {
    const byJob = groupBy(await this.steps(tx, jobIds), (step) => step.job_id);
    const sources = from === 'start' ? new Map<string, string | null>() : await this.sources(tx, jobIds);
    const current = new Map<string, PlannedStep[]>();
    if (from === 'failed_step')
      for (const [jobId, steps] of byJob)
        current.set(
          jobId,
          steps.filter((step) => isStepDone(step.status) && this.isCurrent(step, steps, sources.get(jobId))),
        );
    const whole = await this.whole(tx, [...current.values()].flat());
    return new Map(
      [...byJob].map(([jobId, steps]) => {
        const good = new Set((current.get(jobId) ?? []).filter((step) => whole.has(step.id)));
        return [jobId, this.rerun(steps, good)];
      }),
    );
  }

  /** Those of each job in the order of the graph. */
  private steps(tx: Tx, jobIds: readonly string[]): Promise<PlannedStep[]> {
    return tx.query<PlannedStep>(
      `SELECT id, job_id, agent, coalesce(type, agent) AS type, needs, status, progress, settings, step_key
        FROM steps WHERE job_id = ANY($1) ORDER BY job_id, position`,
      [jobIds],
    );
  }

  private rerun(steps: readonly PlannedStep[], good: ReadonlySet<PlannedStep>): JobRerun {
    const all = steps.map((step) => step.agent);
    const stale = steps.filter((step) => !good.has(step)).map((step) => step.agent);
    const found = withDependents(steps, stale);
    // A job that ended with all of its steps done has something to do again nevertheless: its last step.
    const again = found.size > 0 ? found : new Set(all.slice(-1));
    const kept = steps.map((step): Pick<PlannedStep, 'agent' | 'status' | 'progress'> =>
      again.has(step.agent) ? { agent: step.agent, status: 'blocked', progress: 0 } : step,
    );
    return {
      steps,
      agents: all.filter((agent) => again.has(agent)),
      first: firstOf(steps, again),
      progress: weightedProgress(kept, (agent) => this.agents.weightOf(agent)),
    };
  }

  /** Whether the agent, its settings and its inputs are still those that the output was made with. */
  private isCurrent(step: PlannedStep, steps: readonly PlannedStep[], source: string | null = null): boolean {
    return step.step_key === keyOfStep(step, steps, source, this.agents);
  }

  /** The ids of those steps whose files are all there. */
  private async whole(tx: Tx, steps: readonly PlannedStep[]): Promise<Set<string>> {
    const whole = new Set(steps.map((step) => step.id));
    if (whole.size === 0) return whole;
    const files = await tx.query<StoredFile>(
      'SELECT step_id, storage_key, size_bytes FROM artifacts WHERE step_id = ANY($1)',
      [[...whole]],
    );
    for (let from = 0; from < files.length; from += FILES_AT_A_TIME)
      await Promise.all(
        files.slice(from, from + FILES_AT_A_TIME).map(async (file) => {
          if ((await this.blobs.stat(file.storage_key))?.size !== file.size_bytes) whole.delete(file.step_id);
        }),
      );
    return whole;
  }

  private async sources(tx: Tx, jobIds: readonly string[]): Promise<Map<string, string | null>> {
    const rows = await tx.query<{ id: string; sha256: string | null }>(
      'SELECT j.id, u.sha256 FROM jobs j JOIN uploads u ON u.id = j.upload_id WHERE j.id = ANY($1)',
      [jobIds],
    );
    return new Map(rows.map((row) => [row.id, row.sha256]));
  }
}

/** Of the agents that run again, those that need nothing of the others. */
export function firstOf(
  steps: readonly Pick<PlannedStep, 'agent' | 'needs'>[],
  again: ReadonlySet<string>,
): string[] {
  return steps
    .filter(({ agent, needs }) => again.has(agent) && !needs.some((need) => again.has(need)))
    .map(({ agent }) => agent);
}
