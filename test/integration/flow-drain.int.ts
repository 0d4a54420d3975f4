import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { INestApplicationContext } from '@nestjs/common';
import { WorkerRegistry } from '../../src/fleet/workers/worker-registry';
import { eventually } from '../support/eventually';
import { Gate } from '../support/gate';
import { FlowTest, hanging, instant } from './flow-support';

describe('a worker that stops', () => {
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

  it('lets its step end if that does not take long, and takes no other', async () => {
    const gate = new Gate();
    flow.scripts.set('inspector', async (run) => {
      await gate.opened;
      return instant(run);
    });
    const worker = await flow.worker(1, 60_000);
    const jobId = await flow.createJob(api);
    await flow.stepReaches(jobId, 'inspector', 'processing');
    const closed = worker.close();
    gate.open();
    await closed;
    expect((await flow.state(jobId)).steps).toEqual({
      inspector: 'completed',
      'audio-analyst': 'queued',
      'scene-detector': 'queued',
      packager: 'blocked',
    });
    await flow.worker();
    await flow.reaches(jobId, 'completed');
    expect(flow.runs).toHaveLength(4);
  });

  it('gives a long step back without a mark against it, and removes what it had made', async () => {
    await Promise.all(flow.apps.splice(2).map((worker) => worker.close()));
    flow.scripts.set('inspector', async (run) => {
      await instant(run);
      return hanging(run);
    });
    const worker = await flow.worker();
    const jobId = await flow.createJob(api);
    await eventually(() =>
      expect(existsSync(join(flow.home, 'blobs/jobs', jobId, 'inspector/1/out.json'))).toBe(true),
    );
    await worker.close();
    expect((await flow.steps(jobId))[0]).toMatchObject({ status: 'queued', attempt: 1, failures: 0 });
    expect(existsSync(join(flow.home, 'blobs/jobs', jobId, 'inspector/1'))).toBe(false);

    flow.scripts.clear();
    await flow.worker();
    await flow.reaches(jobId, 'completed');
    expect((await flow.steps(jobId))[0]).toMatchObject({ status: 'completed', attempt: 2, failures: 0 });
  });

  it('is listed while it lives, and not after it said goodbye', async () => {
    const registry = flow.apps.at(-1)?.get(WorkerRegistry, { strict: false });
    const worker = await flow.worker(3);
    const ids = async () => (await registry?.list())?.map((info) => info.concurrency);
    await eventually(async () => expect(await ids()).toContain(3));
    await worker.close();
    expect(await ids()).not.toContain(3);
  });

  it('leaves nothing behind that fails later when it is stopped as soon as it started', async () => {
    const loose: unknown[] = [];
    const note = (reason: unknown) => loose.push(reason);
    process.on('unhandledRejection', note);
    for (let round = 0; round < 5; round += 1) await (await flow.worker()).close();
    process.off('unhandledRejection', note);
    expect(loose).toEqual([]);
  });
});
