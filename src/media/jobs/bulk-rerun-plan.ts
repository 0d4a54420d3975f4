import { Injectable } from '@nestjs/common';
import { Db } from '../../platform/postgres/db';
import { idArray, idList, idsOf } from '../../platform/postgres/id-lists';
import { firstOf, type Rerun, RerunPlan, type RetryFrom } from './rerun-plan';

/** What was found out about a job before it was locked. */
export interface PlannedRetry {
  /** Of the job, when it was looked at it. */
  readonly attempt: number;
  /** The same object for jobs that are alike. */
  readonly rerun: Rerun;
  /** Steps that run again and may have results. */
  readonly results: readonly string[];
}

/** Jobs that are alike. */
interface Alike {
  attempt: number;
  /** Of each step its position, agent and needs, with blanks between them; null if the jobs have none. */
  steps: string | null;
  /** Whether there may be something to keep, or to delete. */
  has_results: boolean;
  ids: string;
}

const ALIKE = `
SELECT attempt, steps, has_results, ${idList('id')} AS ids FROM (
  SELECT j.id, j.attempt, s.steps, coalesce(s.done, false) OR a.job_id IS NOT NULL AS has_results
  FROM jobs j CROSS JOIN LATERAL (
    SELECT string_agg(concat_ws(' ', position, agent, array_to_string(needs, ' ')), ',') AS steps,
      bool_or(status IN ('completed', 'skipped')) AS done
    FROM steps WHERE job_id = j.id) s
  LEFT JOIN LATERAL (SELECT job_id FROM artifacts WHERE job_id = j.id LIMIT 1) a ON true
  WHERE j.id = ANY($1) AND j.status IN ('failed', 'cancelled')) found
GROUP BY attempt, steps, has_results`;

/**
 * Finds out what runs again of many jobs. All of a job does that has no results, as most of those have not that failed
 * together: such jobs are told apart by Postgres, and all that are alike come as one.
 */
@Injectable()
export class BulkRerunPlan {
  constructor(
    private readonly db: Db,
    private readonly plan: RerunPlan,
  ) {}

  /**
   * What would run again, by job; those alone are in it that can be retried. They stay as they are until they are:
   * what was found out holds for as long as they have the same attempt.
   */
  async of(jobIds: readonly string[], from: RetryFrom): Promise<Map<string, PlannedRetry>> {
    const planned = new Map<string, PlannedRetry>();
    const reruns = new Reruns();
    for (const { attempt, steps, has_results, ids } of await this.db.query<Alike>(ALIKE, [idArray(jobIds)])) {
      if (has_results) {
        for (const [id, rerun] of await this.plan.of(this.db, idsOf(ids), from)) {
          const again = new Set(rerun.agents);
          const results = rerun.steps.filter(({ agent }) => again.has(agent)).map((step) => step.id);
          planned.set(id, { attempt, rerun: reruns.one(rerun), results });
        }
      } else {
        const same = { attempt, rerun: reruns.one(allOf(steps)), results: [] };
        for (const id of idsOf(ids)) planned.set(id, same);
      }
    }
    return planned;
  }
}

/** Reruns, of which those that are alike are the same. */
class Reruns {
  private readonly known = new Map<string, Rerun>();

  one({ agents, first, progress }: Rerun): Rerun {
    const rerun = { agents, first, progress };
    const key = JSON.stringify(rerun);
    const known = this.known.get(key) ?? rerun;
    this.known.set(key, known);
    return known;
  }
}

/** Everything, of a job with these steps. */
function allOf(text: string | null): Rerun {
  const steps = (text === null ? [] : text.split(','))
    .map((step) => step.split(' '))
    .map(([position, agent = '', ...needs]) => ({ position: Number(position), agent, needs }))
    .sort((a, b) => a.position - b.position);
  const agents = steps.map((step) => step.agent);
  return { agents, first: firstOf(steps, new Set(agents)), progress: 0 };
}
