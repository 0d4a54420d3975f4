import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { INestApplicationContext } from '@nestjs/common';
import { WorkerModule } from '../../src/fleet/workers/worker.module';
import { FlowModule } from '../../src/media/flow/flow.module';
import { JobsService } from '../../src/media/jobs/jobs.service';
import { BlobStore } from '../../src/platform/storage/blob-store';
import { Gate } from '../support/gate';
import { startS3, type TestS3 } from '../support/s3-server';
import { FlowTest, type Script } from './flow-support';

/** A file of several parts, and one that is sent at once. */
const SIZES: [string, number][] = [
  ['in parts', 40 << 20],
  ['at once', 1 << 20],
];

/** Publishes a file of so many bytes. */
const publishing =
  (size: number): Script =>
  async (run) => {
    const path = join(run.workDir, 'proxy.mp4');
    const file = await open(path, 'w');
    await file.truncate(size);
    await file.close();
    await run.publish({ path, name: 'proxy.mp4', kind: 'proxy', contentType: 'video/mp4' });
    return { status: 'completed', output: {} };
  };

describe('the files of a step, where they live in S3', () => {
  let s3: TestS3;
  let flow: FlowTest;
  let api: INestApplicationContext;

  beforeAll(async () => {
    s3 = await startS3();
    flow = await FlowTest.start();
    api = await flow.boot([FlowModule], s3.variables);
    await flow.boot([WorkerModule], s3.variables);
  });
  afterAll(async () => {
    await flow?.close();
    await s3?.close();
  });

  it.each(SIZES)('are no longer sent (%s) when the job is cancelled', async (_how, size) => {
    const [begun, held] = [new Gate(), new Gate()];
    const removed: string[] = [];
    s3.before = async ({ method, url = '' }) => {
      if (method === 'DELETE' && url.includes('uploadId=')) removed.push(url);
      if (method !== 'PUT' || !url.includes('proxy.mp4')) return;
      begun.open();
      await held.opened;
    };
    flow.scripts.set('inspector', publishing(size));
    const jobId = await flow.createJob(api);
    await begun.opened;
    // The server answers none of it: whoever waited for that would not be done in time.
    const cancelled = await api.get(JobsService, { strict: false }).cancel(jobId);
    expect(cancelled).toEqual({ job_id: jobId, status: 'cancelled' });
    expect(removed).toHaveLength(size > 8 << 20 ? 1 : 0);
    const left: string[] = [];
    for await (const { key } of api.get<BlobStore>(BlobStore, { strict: false }).list(`jobs/${jobId}`))
      left.push(key);
    expect(left).toEqual([]);
    held.open();
    s3.before = () => undefined;
  });

  it('are not waited for when they are its source and the job is cancelled', async () => {
    const [asked, held] = [new Gate(), new Gate()];
    s3.before = async ({ method, url = '' }) => {
      if (method !== 'GET' || !url.includes('/source')) return;
      asked.open();
      await held.opened;
    };
    flow.renewSource();
    const jobId = await flow.createJob(api);
    await asked.opened;
    const cancelled = await api.get(JobsService, { strict: false }).cancel(jobId);
    expect(cancelled).toEqual({ job_id: jobId, status: 'cancelled' });
    expect(flow.runs.filter((run) => run.jobId === jobId)).toEqual([]);
    held.open();
    s3.before = () => undefined;
  });

  it.each(SIZES)('are there (%s) when it is not', async (_how, size) => {
    flow.scripts.set('inspector', publishing(size));
    const jobId = await flow.createJob(api);
    await flow.stepReaches(jobId, 'inspector', 'completed');
    const blobs = api.get<BlobStore>(BlobStore, { strict: false });
    expect(await blobs.stat(`jobs/${jobId}/inspector/1/proxy.mp4`)).toEqual({ size });
  });
});
