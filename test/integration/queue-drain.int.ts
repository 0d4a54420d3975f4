import type { INestApplicationContext } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { QueueCategory } from '../../src/categories/queue/queue.module';
import { QueueAdmin } from '../../src/media/flow/queues/queue-admin.service';
import { StepQueues } from '../../src/media/flow/queues/step-queues';
import { JobsService } from '../../src/media/jobs/jobs.service';
import { StepClaims } from '../../src/media/steps/step-claims';
import { OperationsModule } from '../../src/pipeline/operations/operations.module';
import { ActionRunner } from '../../src/pipeline/pipeline';
import { PipelineModule } from '../../src/pipeline/pipeline.module';
import { RedisService } from '../../src/platform/redis/redis.service';
import type { Actor } from '../../src/platform/security/roles';
import { eventually } from '../support/eventually';
import { Gate } from '../support/gate';
import { makeUser, saveSettings } from '../support/users';
import { FlowTest, instant } from './flow-support';
import { runAction } from '../support/run-action';

interface Answer {
  data: {
    state: string;
    finished: number;
    left: { waiting: number; active: number };
    preview_token: string;
    effects: { effect: string }[];
    changed: boolean;
    queues: { drain_ended?: true }[];
  };
  error_code?: string;
}

describe('draining a queue', () => {
  let flow: FlowTest;
  let api: INestApplicationContext;
  let actor: Actor;
  let gate: Gate;

  beforeAll(async () => {
    flow = await FlowTest.start();
    await saveSettings(flow.database);
    api = await flow.boot([QueueCategory, PipelineModule, OperationsModule], {});
    const user = await makeUser(flow.database, 'operator');
    actor = { userId: user.id, email: user.email, role: 'operator', sessionId: uuidv7() };
    await flow.manager();
    await flow.worker(2);
  });
  beforeEach(() => {
    flow.runs.length = 0;
    gate = new Gate();
    flow.scripts.set('inspector', async (run) => {
      await gate.opened;
      return instant(run);
    });
  });
  afterEach(async () => {
    gate.open();
    await api.get(QueueAdmin, { strict: false }).resume('all');
  });
  afterAll(() => flow.close(), 60_000);

  async function run(action: string, payload: object, options: object = {}) {
    const answer = await runAction(api.get(ActionRunner, { strict: false }), actor, action, payload, options);
    return { status: answer.status, ...(JSON.parse(answer.body.toString('utf8')) as Answer) };
  }
  const drain = (timeout_s: number, options: object = {}) =>
    run('queue.drain', { queue: 'inspector', timeout_s }, options);
  const info = async () => (await api.get(QueueAdmin, { strict: false }).counts())['inspector'];
  const inBull = async () => (await api.get(StepQueues, { strict: false }).counts())['inspector'];
  const drains = (state: string | null) =>
    eventually(async () => expect(await info()).toMatchObject({ drain: state }));
  /** Two that run, and one behind them. */
  async function three(): Promise<string[]> {
    const jobs = [await flow.createJob(api), await flow.createJob(api)];
    for (const jobId of jobs) await flow.stepReaches(jobId, 'inspector', 'processing');
    return [...jobs, await flow.createJob(api)];
  }

  it('finishes what was there, keeps what is new in Postgres, and lets it in when it is resumed', async () => {
    const before = await three();
    // Its attempt fails once: what was there is finished, with all its further attempts.
    const [first = ''] = before;
    flow.scripts.set('inspector', async (step) => {
      await gate.opened;
      if (step.jobId === first && step.attempt === 1) throw new Error('broken once');
      return instant(step);
    });
    const shown = await drain(60, { dry_run: true });
    expect(shown.data.effects[0]?.effect).toContain('1 waiting and 2 running');
    const ended = drain(60, { preview_token: shown.data.preview_token, wait_ms: 30_000 });
    await drains('draining');
    const later = await flow.createJob(api);
    expect((await flow.state(later)).steps).toMatchObject({ inspector: 'queued' });
    expect([await info(), await inBull()]).toMatchObject([{ waiting: 2 }, { waiting: 1 }]);
    for (const options of [{ wait_ms: 20_000 }, { dry_run: true }])
      expect(await drain(1, options)).toMatchObject({ status: 409, error_code: 'ALREADY_DRAINING' });
    gate.open();
    expect((await ended).data).toMatchObject({
      state: 'drained',
      finished: 3,
      left: { waiting: 0, active: 0 },
    });
    for (const jobId of before) await flow.reaches(jobId, 'completed');
    expect(await info()).toMatchObject({ drain: 'drained', waiting: 1, active: 0 });

    // Neither somebody who dispatches it, nor a flush, nor a ticket of an earlier time brings it through.
    await api.get(JobsService, { strict: false }).dispatchJob(later);
    await flow.flush();
    const mark = api.get(RedisService, { strict: false }).key('flow', 'swept');
    await eventually(async () => expect(await flow.redis.client.get(mark)).toBe('whole'));
    const [step] = await flow.steps(later);
    const ticket = { step_id: step?.id ?? '', job_id: later, attempt: 1 };
    expect(await api.get(StepClaims, { strict: false }).claim(ticket, 'hasty-worker')).toBeUndefined();
    expect([await inBull(), await flow.state(later)]).toMatchObject([
      { waiting: 0 },
      { job: 'queued', steps: { inspector: 'queued' } },
    ]);
    expect(flow.runs.filter((of) => of.jobId === later)).toEqual([]);

    const resumed = await run('queue.resume', { queue: 'inspector' });
    expect(resumed.data).toMatchObject({ changed: true, queues: [{ drain_ended: true }] });
    await flow.reaches(later, 'completed');
    expect((await run('queue.resume', { queue: 'inspector' })).data).toMatchObject({ changed: false });
    expect(await info()).toMatchObject({ drain: null });
  });

  it('reports what is left when its time is up, goes on, and is drained without anybody watching', async () => {
    const jobs = await three();
    const late = await drain(1, { wait_ms: 20_000 });
    expect(late.data).toEqual({
      queue: 'inspector',
      state: 'draining',
      finished: 0,
      left: { waiting: 1, active: 2 },
    });
    gate.open();
    for (const jobId of jobs) await flow.reaches(jobId, 'completed');
    await drains('drained');
  });

  it('ends when somebody resumes the queue, and acts on no other queue than it has shown', async () => {
    const jobs = await three();
    const shown = await drain(60, { dry_run: true });
    await run('queue.pause', { queue: 'inspector' });
    const token = { preview_token: shown.data.preview_token, wait_ms: 20_000 };
    expect((await drain(60, token)).error_code).toBe('CONFLICT');
    await drains(null);
    const ended = drain(60, { wait_ms: 30_000 });
    await drains('draining');
    await run('queue.resume', { queue: 'inspector' });
    expect((await ended).data).toMatchObject({ state: 'resumed' });
    gate.open();
    for (const jobId of jobs) await flow.reaches(jobId, 'completed');
  });
});
