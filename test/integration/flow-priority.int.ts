import type { INestApplicationContext } from '@nestjs/common';
import { AgentError } from '../../src/media/agents/agent';
import { JobPriority } from '../../src/media/jobs/job-priority';
import { JobsService } from '../../src/media/jobs/jobs.service';
import { QueueAdmin } from '../../src/media/flow/queues/queue-admin.service';
import { StepQueues } from '../../src/media/flow/queues/step-queues';
import { Db } from '../../src/platform/postgres/db';
import { eventually } from '../support/eventually';
import { Gate } from '../support/gate';
import { FlowTest, instant } from './flow-support';

const JOBS = 60;

describe('the priority of a job', () => {
  let flow: FlowTest;
  let api: INestApplicationContext;

  beforeAll(async () => {
    flow = await FlowTest.start();
    api = await flow.api();
    await flow.manager();
  });
  beforeEach(() => {
    flow.scripts.clear();
    flow.runs.length = 0;
  });
  afterAll(() => flow.close(), 60_000);

  const set = async (jobId: string, priority: number) => {
    const priorities = api.get(JobPriority, { strict: false });
    const result = await api
      .get(Db, { strict: false })
      .transaction((tx) => priorities.set(tx, jobId, priority));
    await priorities.follow(jobId);
    return result;
  };

  it('moves what waits and what comes later', async () => {
    await api.get(QueueAdmin, { strict: false }).pause('all');
    const [first, second] = [await flow.createJob(api), await flow.createJob(api)];
    expect(await set(second, 1)).toEqual({
      job_id: second,
      priority: 1,
      previous: 5,
      changed: true,
      waiting_steps: 1,
      later_steps: 3,
    });
    await api.get(QueueAdmin, { strict: false }).resume('all');
    await flow.worker();
    await flow.reaches(first, 'completed');
    // All of the second job comes before anything of the first.
    expect(flow.runs.map((run) => run.jobId)).toEqual([...Array(4).fill(second), ...Array(4).fill(first)]);
    await expect(set(second, 2)).rejects.toMatchObject({ code: 'INVALID_JOB_STATE' });
  });

  it('is that of all steps when the job is retried, of those as well that were over when it was changed', async () => {
    const gate = new Gate();
    flow.scripts.set('packager', async () => {
      await gate.opened;
      throw new AgentError('DAMAGED', undefined, { retryable: false });
    });
    const jobId = await flow.createJob(api);
    await flow.stepReaches(jobId, 'packager', 'processing');
    expect(await set(jobId, 1)).toMatchObject({ changed: true, waiting_steps: 0, later_steps: 0 });
    gate.open();
    await flow.reaches(jobId, 'failed');
    flow.scripts.clear();
    await api.get(JobsService, { strict: false }).retry(jobId, { from: 'start' });
    const sql = 'SELECT DISTINCT priority FROM steps WHERE job_id = $1';
    expect(await flow.database.query(sql, [jobId])).toEqual([{ priority: 1 }]);
    await flow.reaches(jobId, 'completed');
  });

  it('is put right in Redis where nobody did so', async () => {
    const gate = new Gate();
    flow.scripts.set('inspector', async (run) => {
      await gate.opened;
      return instant(run);
    });
    const jobs: string[] = [];
    for (let i = 0; i < 3; i += 1) jobs.push(await flow.createJob(api));
    const last = jobs.at(-1) ?? '';
    await flow.stepReaches(jobs[0] ?? '', 'inspector', 'processing');
    await flow.database.query('UPDATE steps SET priority = 1 WHERE job_id = $1', [last]);
    const queue = api.get(StepQueues, { strict: false }).get('inspector');
    const [step] = await flow.steps(last);
    await eventually(async () => expect((await queue.getJob(`${step?.id}-1`))?.opts.priority).toBe(1));
    gate.open();
    for (const jobId of jobs) await flow.reaches(jobId, 'completed');
    expect(flow.runs.filter((run) => run.agent === 'inspector').map((run) => run.jobId)).toEqual([
      jobs[0],
      last,
      jobs[1],
    ]);
  });

  it('loses and doubles nothing, changed all the time while workers take steps', async () => {
    await flow.worker(4);
    await flow.worker(4);
    const jobs: string[] = [];
    let over = false;
    let refused = 0;
    const storm = (async () => {
      for (let i = 0; !over; i += 1) {
        const some = jobs.slice(-12).map((jobId, j) =>
          set(jobId, 1 + ((i + j * 7) % 10)).catch((error: { code?: string }) => {
            if (error.code !== 'INVALID_JOB_STATE') throw error;
            refused += 1;
          }),
        );
        await Promise.all(some);
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    for (let i = 0; i < JOBS; i += 1) jobs.push(await flow.createJob(api, 1 + (i % 10)));
    for (const jobId of jobs) await flow.reaches(jobId, 'completed');
    over = true;
    await storm;
    expect(refused).toBeGreaterThan(0);
    expect(flow.runs).toHaveLength(4 * JOBS);
    expect(new Set(flow.runs.map((run) => `${run.jobId} ${run.agent}`)).size).toBe(4 * JOBS);
    const counts = Object.values(await api.get(StepQueues, { strict: false }).counts());
    expect(counts.every(({ waiting, delayed }) => waiting + delayed === 0)).toBe(true);
  });
});
