import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { INestApplicationContext } from '@nestjs/common';
import { FlowEvents } from '../../src/media/flow/flow-events';
import { StepEntries } from '../../src/media/flow/queues/step-entries';
import { StepQueues } from '../../src/media/flow/queues/step-queues';
import { JobsService } from '../../src/media/jobs/jobs.service';
import { StepClaims } from '../../src/media/steps/step-claims';
import { StepFiles } from '../../src/media/steps/step-files';
import { StepSettlement } from '../../src/media/steps/step-settlement';
import { LiveFeed } from '../../src/platform/feed/live-feed';
import { Db } from '../../src/platform/postgres/db';
import { BlobStore } from '../../src/platform/storage/blob-store';
import { eventually } from '../support/eventually';
import { Gate } from '../support/gate';
import { FlowTest, hanging, instant } from './flow-support';

describe('what is lost on the way', () => {
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

  /** Takes the job's first step as a worker would that then says nothing more. */
  async function claimAndFallSilent(jobId: string) {
    const [step] = await flow.steps(jobId);
    if (!step) throw new Error('the job has no steps');
    const ticket = { step_id: step.id, job_id: jobId, attempt: 1 };
    const claim = await api.get(StepClaims, { strict: false }).claim(ticket, 'silent-worker');
    if (!claim) throw new Error('the step could not be claimed');
    await flow.database.query(`UPDATE steps SET lease_until = now() - interval '1 second' WHERE id = $1`, [
      step.id,
    ]);
    return { jobId, stepId: step.id, attempt: 1 };
  }

  // First, while there is no worker that would take the jobs.
  it('tells of the end of a job whose teller died right after the commit, and of no other again', async () => {
    const jobs = api.get(JobsService, { strict: false });
    const told = await flow.createJob(api);
    await jobs.cancel(told);
    const untold = await flow.createJob(api);
    const telling = jest.spyOn(api.get(FlowEvents, { strict: false }), 'committed');
    telling.mockResolvedValueOnce(undefined);
    await jobs.cancel(untold).finally(() => telling.mockRestore());

    const feed = api.get(LiveFeed, { strict: false });
    const saidOf = async (jobId: string, topic = `job:${jobId}`) => {
      const { events } = await feed.read(topic, 0, 1_000);
      return events
        .map(({ json }) => JSON.parse(json) as { kind?: string; job_id: string; status: string })
        .filter(({ kind, job_id }) => job_id === jobId && kind !== 'step')
        .map(({ status }) => status);
    };
    expect(await saidOf(untold)).toEqual(['queued']);
    const all = ['queued', 'cancelled'];
    await eventually(async () => expect(await saidOf(untold)).toEqual(all), { timeoutMs: 60_000 });
    expect(await saidOf(untold, 'jobs')).toEqual(all);
    // Ends are looked at in their order.
    expect(await saidOf(told)).toEqual(all);
    expect(await saidOf(told, 'jobs')).toEqual(all);
  });

  it('gives the step of a silent worker to another, and lets the first one change nothing any more', async () => {
    const jobId = await flow.createJob(api);
    const of = await claimAndFallSilent(jobId);
    await flow.worker();
    await flow.reaches(jobId, 'completed');
    expect((await flow.steps(jobId))[0]).toMatchObject({ attempt: 2, failures: 1 });

    // The worker was only slow: it publishes its file and reports.
    const blobs = api.get<BlobStore>(BlobStore, { strict: false });
    const files = new StepFiles(api.get(Db, { strict: false }), blobs, { ...of, agent: 'inspector' });
    const path = join(await blobs.tempDir(), 'late');
    await writeFile(path, 'late');
    await files.publish({ path, name: 'out.json', kind: 'manifest', contentType: 'application/json' });
    const settlement = api.get(StepSettlement, { strict: false });
    const late = { status: 'completed' as const, output: { late: true }, skipReason: null, stepKey: 'late' };
    expect(await settlement.complete(of, { ...late, artifacts: files.published, clips: [] })).toBe('fenced');
    expect(await settlement.fail(of, { code: 'TOOL_FAILED', message: 'late', retryable: true })).toBe(
      'fenced',
    );
    expect(await settlement.release(of)).toBe('fenced');
    expect(await api.get(StepClaims, { strict: false }).renew(of.stepId, of.attempt)).toBe('lost');

    const [step] = await flow.database.query('SELECT status, output FROM steps WHERE id = $1', [of.stepId]);
    expect(step).toEqual({ status: 'completed', output: { attempt: 2 } });
    const keys = await flow.database.query('SELECT storage_key FROM artifacts WHERE step_id = $1', [
      of.stepId,
    ]);
    expect(keys).toEqual([{ storage_key: `jobs/${jobId}/inspector/2/out.json` }]);
    const events = await flow.database.query(
      `SELECT 1 FROM system_events WHERE event = 'worker.lost' AND job_id = $1`,
      [jobId],
    );
    expect(events).toHaveLength(1);
  });

  it('fails a job whose step kills every worker that takes it', async () => {
    flow.scripts.set('inspector', hanging);
    const jobId = await flow.createJob(api);
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      await eventually(
        async () => {
          // Again and again: the worker, which is not dead at all, may renew its lease before anybody looks.
          await flow.database.query(
            `UPDATE steps SET lease_until = now() - interval '1 minute'
              WHERE job_id = $1 AND status = 'processing' AND attempt = $2`,
            [jobId, attempt],
          );
          const lost = await flow.database.query(
            `SELECT 1 FROM system_events WHERE event = 'worker.lost' AND job_id = $1`,
            [jobId],
          );
          expect(lost).toHaveLength(attempt);
        },
        // Nobody is taken for lost for some seconds after a stall of the machine.
        { timeoutMs: 45_000 },
      );
    }
    await flow.reaches(jobId, 'failed');
    const [job] = await flow.database.query('SELECT error_code FROM jobs WHERE id = $1', [jobId]);
    expect(job).toEqual({ error_code: 'WORKER_LOST' });
  });

  it('goes on after Redis lost everything, with steps running and waiting', async () => {
    const gate = new Gate();
    flow.scripts.set('inspector', async (run) => {
      await gate.opened;
      return instant(run);
    });
    const jobs = [await flow.createJob(api), await flow.createJob(api), await flow.createJob(api)];
    await eventually(() => expect(flow.runs.length).toBeGreaterThan(0));
    await flow.flush();
    gate.open();
    for (const jobId of jobs) await flow.reaches(jobId, 'completed');
    expect(flow.runs).toHaveLength(jobs.length * 4);
  });

  it('finds the ticket again that a worker took with it before it could claim', async () => {
    await Promise.all(flow.apps.splice(2).map((worker) => worker.close()));
    const jobId = await flow.createJob(api);
    const ticket = await api.get(StepQueues, { strict: false }).take();
    expect(ticket?.data.job_id).toBe(jobId);
    await flow.worker();
    await flow.reaches(jobId, 'completed');
  });

  it('runs a step in its time where the clock of who handed it to Bull was behind', async () => {
    await Promise.all(flow.apps.splice(2).map((worker) => worker.close()));
    const jobId = await flow.createJob(api);
    const [step] = await flow.steps(jobId);
    const entries = api.get(StepEntries, { strict: false });
    const entry = { id: step?.id ?? '', job_id: jobId, agent: 'inspector', attempt: 0, priority: 5 };
    expect(await entries.remove([entry])).toBe(1);
    await entries.add([{ ...entry, not_before: new Date(Date.now() + 3_600_000) }]);
    await flow.worker();
    await flow.reaches(jobId, 'completed');
  });

  it('ends a job that a fault of ours left with nothing to do', async () => {
    const jobId = await flow.createJob(api);
    await flow.reaches(jobId, 'completed');
    await flow.database.query(
      `UPDATE jobs SET status = 'processing', finished_at = NULL, updated_at = now() - interval '1 minute' WHERE id = $1`,
      [jobId],
    );
    await flow.reaches(jobId, 'completed');
  });
});
