import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { INestApplicationContext } from '@nestjs/common';
import { JobDeletion } from '../../src/media/jobs/job-deletion';
import { JobsService } from '../../src/media/jobs/jobs.service';
import { MessageBus } from '../../src/platform/messages/message-bus';
import { AppError } from '../../src/platform/errors/app-error';
import { Db } from '../../src/platform/postgres/db';
import { eventually } from '../support/eventually';
import { Gate } from '../support/gate';
import { FlowTest, hanging, instant } from './flow-support';

const idsOf = (jobId: string, stepId = '') => ({ step_id: stepId, job_id: jobId });

describe('cancelling', () => {
  let flow: FlowTest;
  let api: INestApplicationContext;
  let jobs: JobsService;

  beforeAll(async () => {
    flow = await FlowTest.start();
    api = await flow.api();
    jobs = api.get(JobsService, { strict: false });
    await flow.worker(4);
    await flow.worker(4);
    await flow.manager();
  });

  beforeEach(() => {
    flow.scripts.clear();
    flow.runs.length = 0;
  });

  afterAll(() => flow.close(), 60_000);

  it('ends the running step, removes what it had made, and says so', async () => {
    flow.scripts.set('audio-analyst', async (run) => {
      await instant(run);
      return hanging(run);
    });
    flow.scripts.set('scene-detector', hanging);
    const jobId = await flow.createJob(api);
    await flow.stepReaches(jobId, 'audio-analyst', 'processing');
    await flow.stepReaches(jobId, 'scene-detector', 'processing');
    // It waits for that, for some seconds at most: then it would say that it is being cancelled.
    expect(await jobs.cancel(jobId, { reason: 'wrong video' })).toEqual({
      job_id: jobId,
      status: 'cancelled',
    });
    expect(await flow.state(jobId)).toEqual({
      job: 'cancelled',
      steps: {
        inspector: 'completed',
        'audio-analyst': 'cancelled',
        'scene-detector': 'cancelled',
        packager: 'cancelled',
      },
    });
    expect(existsSync(join(flow.home, 'blobs/jobs', jobId, 'audio-analyst/1'))).toBe(false);
    const [job] = await flow.database.query('SELECT cancel_reason FROM jobs WHERE id = $1', [jobId]);
    expect(job).toEqual({ cancel_reason: 'wrong video' });
  });

  it('refuses what has ended, what is not there and what is not yours', async () => {
    const jobId = await flow.createJob(api);
    await flow.reaches(jobId, 'completed');
    const nobody = '01890000-0000-7000-8000-000000000000';
    await expect(jobs.cancel(jobId)).rejects.toMatchObject({ code: 'INVALID_JOB_STATE' });
    await expect(jobs.cancel(nobody)).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
    await expect(jobs.cancel(jobId, { ownerId: nobody })).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
  });

  it('is told of as what it was where the job was retried since, and stops nothing of that', async () => {
    flow.scripts.set('inspector', hanging);
    const jobId = await flow.createJob(api);
    await flow.stepReaches(jobId, 'inspector', 'processing');
    await jobs.cancel(jobId);
    await jobs.retry(jobId, { from: 'start' });
    await flow.stepReaches(jobId, 'inspector', 'processing');
    expect(await jobs.awaitCancel(jobId)).toEqual({ job_id: jobId, status: 'cancelled' });
    // It is claimed a moment before it is run.
    await eventually(() => expect(flow.runs.map(({ attempt }) => attempt)).toEqual([1, 2]));
    await jobs.cancel(jobId);
    expect(flow.runs).toHaveLength(2);
  });

  it('is told of as what it was where the job was deleted since', async () => {
    flow.scripts.set('inspector', hanging);
    const jobId = await flow.createJob(api);
    await jobs.cancel(jobId);
    const deletion = api.get(JobDeletion, { strict: false });
    await api.get(Db, { strict: false }).transaction((tx) => deletion.remove(tx, jobId));
    expect(await jobs.awaitCancel(jobId)).toEqual({ job_id: jobId, status: 'cancelled' });
  });

  it('notices a cancellation whose message got lost', async () => {
    flow.scripts.set('inspector', hanging);
    const jobId = await flow.createJob(api);
    await flow.stepReaches(jobId, 'inspector', 'processing');
    await flow.database.query('UPDATE jobs SET cancel_requested_at = now() WHERE id = $1', [jobId]);
    await flow.reaches(jobId, 'cancelled');
  });

  it('gives a step back that is told to end though its job goes on', async () => {
    flow.scripts.set('inspector', (run) => (run.attempt === 1 ? hanging(run) : instant(run)));
    const jobId = await flow.createJob(api);
    await flow.stepReaches(jobId, 'inspector', 'processing');
    const [step] = await flow.steps(jobId);
    const bus = api.get(MessageBus, { strict: false });
    await bus.publish('step.abort', { ...idsOf(jobId, step?.id), attempt: 1, reason: 'cancel' });
    await flow.reaches(jobId, 'completed');
    expect((await flow.steps(jobId))[0]).toMatchObject({ status: 'completed', failures: 0 });
  });

  it.each(['cancel', 'failed'])(
    'does not end an attempt by a message (%s) that means the one before',
    async (reason) => {
      const [told, second] = [new Gate(), new Gate()];
      flow.scripts.set('inspector', async (run) => {
        if (run.attempt === 1) return hanging(run);
        second.open();
        await told.opened;
        run.signal.throwIfAborted();
        return instant(run);
      });
      const jobId = await flow.createJob(api);
      await flow.stepReaches(jobId, 'inspector', 'processing');
      const [step] = await flow.steps(jobId);
      const old = { ...idsOf(jobId, step?.id), attempt: 1 };
      const bus = api.get(MessageBus, { strict: false });
      await bus.publish('step.abort', { ...old, reason: 'cancel' });
      await second.opened;
      await bus.publish('step.abort', { ...old, reason });
      // Is answered by all processes, which have handled what came before it then.
      await bus.publish('user.changed', { user_id: jobId });
      told.open();
      await flow.reaches(jobId, 'completed');
      expect((await flow.steps(jobId))[0]).toMatchObject({ status: 'completed', attempt: 2, failures: 0 });
    },
  );

  it('and completing at the same time leave one end, and everybody was told that one', async () => {
    const rounds = 100;
    const verdicts = { cancelled: 0, refused: 0 };
    // About as long as a job takes here, in milliseconds: found out on the way, since machines differ.
    let spreadMs = 500;
    const round = async (): Promise<void> => {
      const jobId = await flow.createJob(api);
      await delay(randomInt(Math.round(spreadMs)));
      const told = await jobs.cancel(jobId).then(
        (result) => result.status,
        (error: unknown) => {
          if (error instanceof AppError && error.code === 'INVALID_JOB_STATE') return 'completed';
          throw error;
        },
      );
      const { job, steps } = await flow.state(jobId);
      expect(job).toBe(told);
      verdicts[told === 'completed' ? 'refused' : 'cancelled'] += 1;
      expect(
        Object.values(steps).filter((status) => ['queued', 'processing', 'blocked'].includes(status)),
      ).toEqual([]);
      const events = await flow.database.query<{ event: string }>(
        `SELECT event FROM system_events WHERE job_id = $1 AND event <> 'job.created'`,
        [jobId],
      );
      expect(events).toEqual([{ event: `job.${told}` }]);
    };
    for (let begun = 0; begun < rounds; begun += 10) {
      const before = { ...verdicts };
      await Promise.all(Array.from({ length: 10 }, round));
      if (verdicts.refused === before.refused) spreadMs = Math.min(8_000, spreadMs * 2);
      else if (verdicts.cancelled === before.cancelled) spreadMs = Math.max(50, spreadMs / 2);
    }
    // Both ends have to have happened, or nothing was raced.
    expect(verdicts.cancelled).toBeGreaterThan(10);
    expect(verdicts.refused).toBeGreaterThan(10);
  });
});
