import { StepClaims } from '../src/media/steps/step-claims';
import { type StepResult, StepSettlement } from '../src/media/steps/step-settlement';
import type { TestDatabase } from '../test/support/database';
import { manyJobs } from '../test/support/jobs-of-a-kind';
import type { Due } from './at-rate';

/** Jobs that take turns: between two changes of the same one there is time for those of all the others. */
const TURNS = 25;
/** Claim and completion of each of the two steps. */
const CHANGES_OF_JOB = 4;

const RESULT: StepResult = {
  status: 'completed',
  output: { duration_s: 61.2 },
  skipReason: null,
  stepKey: 'bench',
  artifacts: [],
  clips: undefined,
};

/** What the changes are made with: those of a process of the product. */
export interface FlowServices {
  claims: StepClaims;
  settlement: StepSettlement;
}

/**
 * Makes jobs of two steps, and all that happens to them as their workers would have it, without the work: each step is
 * claimed and completed, the first lets the second run, the second completes the job. Each is a transaction of its own.
 */
export async function stepChanges(
  database: Pick<TestDatabase, 'query'>,
  userId: string,
  { claims, settlement }: FlowServices,
  count: number,
): Promise<{ jobs: string[]; changes: Due[] }> {
  const jobs = await manyJobs(database as TestDatabase, userId, Math.ceil(count / CHANGES_OF_JOB), 'waiting');
  const rows = await database.query<{ id: string; job_id: string; agent: string }>(
    'SELECT id, job_id, agent FROM steps WHERE job_id = ANY($1)',
    [jobs],
  );
  const stepOf = new Map(rows.map(({ id, job_id, agent }) => [`${agent} ${job_id}`, id]));
  const claim = (agent: string) => async (jobId: string) => {
    const ticket = { job_id: jobId, step_id: stepOf.get(`${agent} ${jobId}`) ?? '', attempt: 1 };
    if (!(await claims.claim(ticket, 'bench'))) throw new Error(`${agent} of ${jobId} could not be claimed`);
  };
  const complete = (agent: string) => async (jobId: string) => {
    const stepId = stepOf.get(`${agent} ${jobId}`) ?? '';
    const verdict = await settlement.complete({ jobId, stepId, attempt: 1 }, RESULT);
    if (verdict !== 'applied') throw new Error(`the end of ${agent} of ${jobId} was ${verdict}`);
  };
  const way = [claim('inspector'), complete('inspector'), claim('packager'), complete('packager')];
  const changes: Due[] = [];
  for (let first = 0; first < jobs.length; first += TURNS)
    for (const change of way)
      for (const jobId of jobs.slice(first, first + TURNS))
        changes.push({ lane: jobId, run: () => change(jobId) });
  return { jobs, changes };
}
