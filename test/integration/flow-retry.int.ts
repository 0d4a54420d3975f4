import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { INestApplicationContext } from '@nestjs/common';
import { AgentError } from '../../src/media/agents/agent';
import { AfterCommits } from '../../src/media/jobs/after-commits';
import { BulkRetry } from '../../src/media/jobs/bulk-retry';
import { JobsService } from '../../src/media/jobs/jobs.service';
import { RerunPlan } from '../../src/media/jobs/rerun-plan';
import { FlowTest, instant } from './flow-support';

describe('retrying a job', () => {
  let flow: FlowTest;
  let api: INestApplicationContext;
  let jobs: JobsService;

  beforeAll(async () => {
    flow = await FlowTest.start();
    api = await flow.api();
    jobs = api.get(JobsService, { strict: false });
    await flow.worker();
    await flow.manager();
  });

  beforeEach(() => {
    flow.scripts.clear();
    flow.runs.length = 0;
  });

  afterAll(() => flow.close(), 60_000);

  /** A job that failed at its last step, the others done. */
  async function failedJob(): Promise<string> {
    flow.scripts.set('packager', () => Promise.reject(new AgentError('DAMAGED')));
    const jobId = await flow.createJob(api);
    await flow.reaches(jobId, 'failed');
    flow.scripts.clear();
    flow.runs.length = 0;
    return jobId;
  }

  it('from the failed step keeps what is done', async () => {
    const jobId = await failedJob();
    expect(await jobs.retryability(jobId)).toMatchObject({ can_retry: true, from: ['failed_step', 'start'] });
    expect(await jobs.retry(jobId, { from: 'failed_step' })).toEqual({
      job_id: jobId,
      status: 'queued',
      attempt: 2,
      kept_steps: ['inspector', 'audio-analyst', 'scene-detector'],
      rerun_steps: ['packager'],
    });
    await flow.reaches(jobId, 'completed');
    expect(flow.runs).toEqual([{ agent: 'packager', jobId, attempt: 2 }]);
    const [job] = await flow.database.query('SELECT attempt, error_code FROM jobs WHERE id = $1', [jobId]);
    expect(job).toEqual({ attempt: 2, error_code: null });
  });

  it('from the start runs everything again, and one set of files remains', async () => {
    const jobId = await failedJob();
    await jobs.retry(jobId, { from: 'start' });
    await flow.reaches(jobId, 'completed');
    expect(flow.runs).toHaveLength(4);
    const keys = await flow.database.query<{ storage_key: string }>(
      'SELECT storage_key FROM artifacts WHERE job_id = $1 ORDER BY storage_key',
      [jobId],
    );
    expect(keys.map((row) => row.storage_key)).toEqual([
      `jobs/${jobId}/audio-analyst/2/out.json`,
      `jobs/${jobId}/inspector/2/out.json`,
      `jobs/${jobId}/packager/2/out.json`,
      `jobs/${jobId}/scene-detector/2/out.json`,
    ]);
  });

  it('from the failed step makes again what has vanished, with all that depends on it', async () => {
    const jobId = await failedJob();
    await rm(join(flow.home, 'blobs/jobs', jobId, 'scene-detector/1/out.json'));
    const result = await jobs.retry(jobId, { from: 'failed_step' });
    expect(result.rerun_steps).toEqual(['scene-detector', 'packager']);
    await flow.reaches(jobId, 'completed');
  });

  it('goes by what the job is when it is retried, though it was retried and failed since it was looked at', async () => {
    const jobId = await failedJob();
    const plan = api.get(RerunPlan, { strict: false });
    const look = plan.of.bind(plan);
    const looked = jest.spyOn(plan, 'of').mockImplementationOnce(async (...of) => {
      const found = await look(...of);
      flow.scripts.set('scene-detector', () => Promise.reject(new AgentError('DAMAGED')));
      await jobs.retry(jobId, { from: 'start' });
      await flow.reaches(jobId, 'failed');
      flow.scripts.clear();
      return found;
    });
    try {
      const retried = await jobs.retry(jobId, { from: 'failed_step' });
      expect(retried).toMatchObject({ attempt: 3 });
      expect(retried.rerun_steps).toEqual(expect.arrayContaining(['scene-detector', 'packager']));
    } finally {
      looked.mockRestore();
    }
    await flow.reaches(jobId, 'completed');
  });

  it('of many at once runs of each what has to, and none that has ended anew since it was looked at', async () => {
    const [good, lost, late] = [await failedJob(), await failedJob(), await failedJob()];
    await rm(join(flow.home, 'blobs/jobs', lost, 'scene-detector/1/out.json'));
    flow.scripts.set('inspector', () => Promise.reject(new AgentError('DAMAGED')));
    const bare = await flow.createJob(api);
    await flow.reaches(bare, 'failed');
    flow.scripts.clear();
    flow.runs.length = 0;
    const bulk = api.get(BulkRetry, { strict: false });
    const after = new AfterCommits();
    const items = [bare, late, good, lost].map((id) => ({ id }));
    const plan = await bulk.planOf(items, 'failed_step');
    await flow.database.query('UPDATE jobs SET attempt = 2 WHERE id = $1', [late]);
    const verdicts = await bulk.retry(items, plan, { alongside: () => Promise.resolve(), after });
    expect(verdicts).toEqual([
      { id: bare, outcome: 'done' },
      { id: late, outcome: 'skipped', reason: 'changed' },
      { id: good, outcome: 'done' },
      { id: lost, outcome: 'done' },
    ]);
    await after.done();
    for (const id of [bare, good, lost]) await flow.reaches(id, 'completed');
    const ran = (jobId: string) => flow.runs.filter((run) => run.jobId === jobId).map((run) => run.agent);
    expect(ran(bare).sort()).toEqual(['audio-analyst', 'inspector', 'packager', 'scene-detector']);
    expect([ran(good), ran(lost), ran(late)]).toEqual([['packager'], ['scene-detector', 'packager'], []]);
    const files = await flow.database.query<{ job_id: string; n: number }>(
      'SELECT job_id, count(*) AS n FROM artifacts WHERE job_id = ANY($1) GROUP BY 1 ORDER BY 1',
      [[bare, good, lost]],
    );
    expect(files.map((row) => row.n)).toEqual([4, 4, 4]);
  });

  it('is refused while the job is on its way, and happens once when asked for many times', async () => {
    const jobId = await failedJob();
    const answers = await Promise.allSettled(
      Array.from({ length: 8 }, () => jobs.retry(jobId, { from: 'failed_step' })),
    );
    expect(answers.filter((answer) => answer.status === 'fulfilled')).toHaveLength(1);
    for (const answer of answers)
      if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ code: 'INVALID_JOB_STATE' });
    await flow.reaches(jobId, 'completed');
    expect(flow.runs).toHaveLength(1);
    expect(await jobs.retryability(jobId)).toMatchObject({ can_retry: false });
  });

  it('of a cancelled job goes on where it was', async () => {
    flow.scripts.set('inspector', (run) => (run.attempt === 1 ? new Promise(() => undefined) : instant(run)));
    const jobId = await flow.createJob(api);
    await flow.database.query('UPDATE queues SET paused = false');
    await flow.stepReaches(jobId, 'inspector', 'processing');
    const cancelled = jobs.cancel(jobId);
    await flow.reaches(jobId, 'cancelled');
    await cancelled;
    await jobs.retry(jobId, { from: 'failed_step' });
    await flow.reaches(jobId, 'completed');
  });
});
