import type { INestApplicationContext } from '@nestjs/common';
import { JobsService } from '../../src/media/jobs/jobs.service';
import { QueueAdmin } from '../../src/media/flow/queues/queue-admin.service';
import { StepQueues } from '../../src/media/flow/queues/step-queues';
import { StepClaims } from '../../src/media/steps/step-claims';
import { LiveFeed } from '../../src/platform/feed/live-feed';
import { eventually } from '../support/eventually';
import { Gate } from '../support/gate';
import { FlowTest, instant } from './flow-support';

describe('the queues', () => {
  let flow: FlowTest;
  let api: INestApplicationContext;
  let admin: QueueAdmin;
  let queues: StepQueues;

  beforeAll(async () => {
    flow = await FlowTest.start();
    api = await flow.api();
    admin = api.get(QueueAdmin, { strict: false });
    queues = api.get(StepQueues, { strict: false });
    await flow.worker();
    await flow.manager();
  });

  beforeEach(async () => {
    flow.scripts.clear();
    flow.runs.length = 0;
    await admin.resume('all');
  });

  afterAll(() => flow.close(), 60_000);

  it('hold everything back while they are paused, also when Redis forgets that they are', async () => {
    expect(await admin.pause('inspector')).toEqual([{ queue: 'inspector', changed: true, paused: true }]);
    expect(await admin.pause('inspector')).toEqual([{ queue: 'inspector', changed: false, paused: true }]);
    const jobs = [await flow.createJob(api), await flow.createJob(api)];
    await flow.flush();
    await eventually(async () =>
      expect((await queues.counts())['inspector']).toMatchObject({ waiting: 2, paused: true }),
    );
    expect(flow.runs).toEqual([]);
    expect(await admin.resume('inspector')).toEqual([{ queue: 'inspector', changed: true, paused: false }]);
    for (const jobId of jobs) await flow.reaches(jobId, 'completed');
    expect(flow.runs).toHaveLength(8);
  });

  it('are not served while paused even by a worker that was handed a ticket before', async () => {
    await admin.pause('inspector');
    const jobId = await flow.createJob(api);
    const [step] = await flow.steps(jobId);
    const ticket = { step_id: step?.id ?? '', job_id: jobId, attempt: 1 };
    expect(await api.get(StepClaims, { strict: false }).claim(ticket, 'hasty-worker')).toBeUndefined();
    expect((await flow.state(jobId)).steps).toMatchObject({ inspector: 'queued' });
    await admin.resume('inspector');
    await flow.reaches(jobId, 'completed');
  });

  it('hand no step out before its time, whatever ticket a worker has', async () => {
    await admin.pause('inspector');
    const jobId = await flow.createJob(api);
    const when = (sql: string) =>
      flow.database.query(`UPDATE steps SET not_before = ${sql} WHERE job_id = $1`, [jobId]);
    await when(`now() + interval '1 hour'`);
    await admin.resume('inspector');
    const [step] = await flow.steps(jobId);
    const ticket = { step_id: step?.id ?? '', job_id: jobId, attempt: 1 };
    expect(await api.get(StepClaims, { strict: false }).claim(ticket, 'hasty-worker')).toBeUndefined();
    await eventually(async () => expect((await queues.counts())['inspector']).toMatchObject({ waiting: 0 }));
    expect(await flow.state(jobId)).toMatchObject({ job: 'queued', steps: { inspector: 'queued' } });
    await when('now()');
    await flow.reaches(jobId, 'completed');
    expect(flow.runs).toHaveLength(4);
  });

  it('follow Postgres where Bull was not told', async () => {
    await flow.database.query(`INSERT INTO queues (name, paused) VALUES ('packager', true)
      ON CONFLICT (name) DO UPDATE SET paused = true`);
    const jobId = await flow.createJob(api);
    await flow.stepReaches(jobId, 'packager', 'queued');
    await eventually(async () =>
      expect((await queues.counts())['packager']).toMatchObject({ paused: true, waiting: 1 }),
    );
    await flow.database.query(`UPDATE queues SET paused = false WHERE name = 'packager'`);
    await flow.reaches(jobId, 'completed');
  });

  it('hand out the most urgent first, and the oldest among equals', async () => {
    await admin.pause('all');
    const created: [number, string][] = [];
    for (const priority of [5, 9, 1, 5, 3, 1]) created.push([priority, await flow.createJob(api, priority)]);
    await admin.resume('all');
    for (const [, jobId] of created) await flow.reaches(jobId, 'completed');
    const expected = [...created].sort((a, b) => a[0] - b[0]).map(([, jobId]) => jobId);
    expect(flow.runs.filter((run) => run.agent === 'inspector').map((run) => run.jobId)).toEqual(expected);
  });

  it('take a ticket once, however often it is added', async () => {
    await admin.pause('inspector');
    const jobId = await flow.createJob(api);
    const jobs = api.get(JobsService, { strict: false });
    await Promise.all([jobs.dispatchJob(jobId), jobs.dispatchJob(jobId), jobs.dispatchJob(jobId)]);
    expect((await queues.counts())['inspector']).toMatchObject({ waiting: 1, active: 0, delayed: 0 });
    await admin.resume('inspector');
    await flow.reaches(jobId, 'completed');
    expect(flow.runs).toHaveLength(4);
    // The worker lets go of the entry after the job has ended.
    await eventually(async () =>
      expect(Object.values(await queues.counts()).every((count) => count.waiting + count.active === 0)).toBe(
        true,
      ),
    );
  });

  it('are cleared of what waits; what runs goes on; what was not meant is not touched', async () => {
    const gate = new Gate();
    flow.scripts.set('inspector', async (run) => {
      await gate.opened;
      return instant(run);
    });
    const running = await flow.createJob(api);
    await flow.stepReaches(running, 'inspector', 'processing');
    const waiting = [await flow.createJob(api), await flow.createJob(api), await flow.createJob(api)];
    const later = await flow.createJob(api);

    const progress: number[] = [];
    const result = await admin.clear('inspector', {
      jobs: waiting.map((id) => ({ id, state: '1:0' })),
      onProgress: (done) => void progress.push(done),
    });
    expect(result).toMatchObject({ cancelled_jobs: 3, removed_entries: 3, left: 0 });
    expect(progress.at(-1)).toBe(3);
    for (const jobId of waiting) expect((await flow.state(jobId)).job).toBe('cancelled');
    gate.open();
    await flow.reaches(running, 'completed');
    await flow.reaches(later, 'completed');
    const [job] = await flow.database.query('SELECT cancel_reason FROM jobs WHERE id = $1', [waiting[0]]);
    expect(job).toEqual({ cancel_reason: 'The queue inspector was cleared' });
  });

  it('tell those who watch how they stand after each change, a drain that goes on included', async () => {
    await flow.database.query(`INSERT INTO queues (name, paused, drain_since, drained_at)
      VALUES ('packager', false, now(), now())
      ON CONFLICT (name) DO UPDATE SET paused = false, drain_since = now(), drained_at = now()`);
    const feed = api.get(LiveFeed, { strict: false });
    const { offset } = await feed.position('queues');
    await admin.pause('packager');
    await admin.pause('packager');
    await admin.resume('packager');
    const { events } = await feed.read('queues', offset, 1_000);
    const told = events.map(({ json }) => JSON.parse(json) as { queue: string; counts?: object });
    expect(told.filter(({ queue, counts }) => queue === 'packager' && !counts)).toEqual([
      { queue: 'packager', paused: true, drain: 'drained' },
      { queue: 'packager', paused: false, drain: null },
    ]);
  });

  it('that do not exist are refused', async () => {
    await expect(admin.pause('nosuch')).rejects.toMatchObject({ code: 'QUEUE_NOT_FOUND' });
    await expect(admin.clear('nosuch')).rejects.toMatchObject({ code: 'QUEUE_NOT_FOUND' });
  });
});
