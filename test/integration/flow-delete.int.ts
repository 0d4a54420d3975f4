import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { INestApplicationContext } from '@nestjs/common';
import { JobDeletion } from '../../src/media/jobs/job-deletion';
import { StepQueues } from '../../src/media/flow/queues/step-queues';
import { StepClaims } from '../../src/media/steps/step-claims';
import { Db } from '../../src/platform/postgres/db';
import { FlowTest, hanging, instant } from './flow-support';

describe('deleting a job', () => {
  let flow: FlowTest;
  let api: INestApplicationContext;
  let deletion: JobDeletion;

  beforeAll(async () => {
    flow = await FlowTest.start();
    api = await flow.api();
    deletion = api.get(JobDeletion, { strict: false });
  });
  beforeEach(() => flow.scripts.clear());
  afterAll(() => flow.close(), 60_000);

  const remove = (jobId: string) =>
    api.get(Db, { strict: false }).transaction((tx) => deletion.remove(tx, jobId));
  const left = async (jobId: string) => {
    const [row] = await flow.database.query(
      `SELECT (SELECT count(*) FROM jobs WHERE id = $1) AS jobs, (SELECT count(*) FROM steps WHERE job_id = $1) AS steps,
              (SELECT count(*) FROM artifacts WHERE job_id = $1) AS files`,
      [jobId],
    );
    return row;
  };

  it('leaves nothing of it behind, and says how much that was', async () => {
    await flow.worker();
    const jobId = await flow.createJob(api);
    await flow.reaches(jobId, 'completed');
    const folder = join(flow.home, 'blobs/jobs', jobId);
    expect(existsSync(folder)).toBe(true);
    const [stored] = await flow.database.query<{ bytes: number }>(
      'SELECT sum(size_bytes)::int AS bytes FROM artifacts WHERE job_id = $1',
      [jobId],
    );
    expect(await remove(jobId)).toEqual({
      job_id: jobId,
      steps: 4,
      clips: 0,
      files: 4,
      bytes_freed: stored?.bytes,
    });
    expect(await left(jobId)).toEqual({ jobs: 0, steps: 0, files: 0 });
    expect(existsSync(join(folder, 'inspector'))).toBe(false);
    await expect(remove(jobId)).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
  });

  it('needs it to be over, or ends it first, and the process of its step with it', async () => {
    flow.scripts.set('inspector', async (run) => {
      await instant(run);
      return hanging(run);
    });
    const jobId = await flow.createJob(api);
    await flow.stepReaches(jobId, 'inspector', 'processing');
    await expect(remove(jobId)).rejects.toMatchObject({ code: 'INVALID_JOB_STATE' });
    expect(await left(jobId)).toMatchObject({ jobs: 1, steps: 4 });
    await deletion.end(jobId, {});
    expect((await flow.state(jobId)).job).toBe('cancelled');
    expect(await remove(jobId)).toMatchObject({ steps: 4, files: 0 });
    expect(await left(jobId)).toEqual({ jobs: 0, steps: 0, files: 0 });
  });

  it('against workers that take its steps: it is gone, or it was not to be had; never a part of it', async () => {
    await Promise.all(flow.apps.splice(1).map((worker) => worker.close()));
    const claims = api.get(StepClaims, { strict: false });
    const jobs = await Promise.all(Array.from({ length: 40 }, () => flow.createJob(api)));
    const outcomes = await Promise.all(
      jobs.map(async (jobId, i) => {
        const [step] = await flow.steps(jobId);
        const ticket = { step_id: step?.id ?? '', job_id: jobId, attempt: 1 };
        const pause = () => (i % 2 === 0 ? Promise.resolve() : new Promise(setImmediate));
        const [claimed] = await Promise.all([
          pause().then(() => claims.claim(ticket, 'w')),
          flow.database.query(`UPDATE jobs SET status = 'cancelled' WHERE id = $1 AND status = 'queued'`, [
            jobId,
          ]),
        ]);
        const removed = await remove(jobId).then(
          () => true,
          () => false,
        );
        return { jobId, claimed: claimed !== undefined, removed };
      }),
    );
    for (const { jobId, claimed, removed } of outcomes) {
      expect(removed).toBe(!claimed);
      expect(await left(jobId)).toEqual({ jobs: removed ? 0 : 1, steps: removed ? 0 : 4, files: 0 });
    }
    const waiting = (await api.get(StepQueues, { strict: false }).counts())['inspector']?.waiting;
    expect(waiting).toBe(outcomes.filter(({ claimed }) => claimed).length);
  });
});
