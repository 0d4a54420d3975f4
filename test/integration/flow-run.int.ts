import { rename, rm, writeFile } from 'node:fs/promises';
import type { INestApplicationContext } from '@nestjs/common';
import { AgentError } from '../../src/media/agents/agent';
import { ENV, type Env } from '../../src/platform/settings/env';
import { FolderBlobStore } from '../../src/platform/storage/folder-blob-store';
import { eventually } from '../support/eventually';
import { Gate } from '../support/gate';
import { FlowTest, instant } from './flow-support';

describe('a job on its way', () => {
  let flow: FlowTest;
  let api: INestApplicationContext;

  beforeAll(async () => {
    flow = await FlowTest.start();
    api = await flow.api();
    await flow.worker();
    await flow.worker(2);
    await flow.manager();
  });

  beforeEach(() => {
    flow.scripts.clear();
    flow.runs.length = 0;
  });

  afterAll(() => flow.close(), 60_000);

  /** What happened to a job, in its order. */
  async function eventsOf(jobId: string): Promise<string[]> {
    const events = await flow.database.query<{ event: string }>(
      'SELECT event FROM system_events WHERE job_id = $1 ORDER BY id',
      [jobId],
    );
    return events.map((row) => row.event);
  }

  it('runs every step once, in the order of the graph, and completes', async () => {
    const jobId = await flow.createJob(api);
    await flow.reaches(jobId, 'completed');

    expect(flow.runs.map((run) => run.agent).sort()).toEqual([
      'audio-analyst',
      'inspector',
      'packager',
      'scene-detector',
    ]);
    expect(flow.runs[0]).toMatchObject({ agent: 'inspector', attempt: 1 });
    expect(flow.runs.at(-1)).toMatchObject({ agent: 'packager' });
    const artifacts = await flow.database.query('SELECT storage_key FROM artifacts WHERE job_id = $1', [
      jobId,
    ]);
    expect(artifacts).toHaveLength(4);
    const [job] = await flow.database.query<{ progress: number }>('SELECT progress FROM jobs WHERE id = $1', [
      jobId,
    ]);
    expect(job?.progress).toBe(1);
    expect(await eventsOf(jobId)).toEqual(['job.created', 'job.completed']);
  });

  it('survives that both branches end in the same moment', async () => {
    for (let round = 0; round < 20; round += 1) {
      const gate = new Gate();
      let arrived = 0;
      const together = async (run: Parameters<typeof instant>[0]) => {
        arrived += 1;
        if (arrived === 2) gate.open();
        await gate.opened;
        return instant(run);
      };
      flow.scripts.set('audio-analyst', together).set('scene-detector', together);
      const jobId = await flow.createJob(api);
      await flow.reaches(jobId, 'completed');
    }
    expect(flow.runs.filter((run) => run.agent === 'packager')).toHaveLength(20);
  });

  it('tries a step again after a failure that may pass, and then forgets the failure', async () => {
    flow.scripts.set('inspector', (run) =>
      run.attempt === 1 ? Promise.reject(new AgentError('TOOL_FAILED')) : instant(run),
    );
    const jobId = await flow.createJob(api);
    await flow.reaches(jobId, 'completed');
    expect((await flow.steps(jobId))[0]).toMatchObject({ attempt: 2, failures: 1, error_code: null });
  });

  it('never goes back, also when a step begins anew', async () => {
    const [first, second] = [new Gate(), new Gate()];
    flow.scripts.set('inspector', async (run) => {
      run.progress(run.attempt === 1 ? 0.8 : 0.1);
      await (run.attempt === 1 ? first : second).opened;
      if (run.attempt === 1) throw new AgentError('TOOL_FAILED');
      return instant(run);
    });
    const jobId = await flow.createJob(api);
    const sql = `SELECT s.progress AS step, j.progress AS job FROM steps s JOIN jobs j ON j.id = s.job_id
      WHERE s.job_id = $1 AND s.agent = 'inspector'`;
    const progressIs = (step: number, job: number) =>
      eventually(async () => expect(await flow.database.query(sql, [jobId])).toEqual([{ step, job }]));
    await progressIs(0.8, 0.2);
    first.open();
    await progressIs(0.1, 0.2);
    second.open();
    await flow.reaches(jobId, 'completed');
  });

  it('fails the job with a sentence when trying again does not help, and leaves nothing behind', async () => {
    flow.scripts.set('audio-analyst', async (run) => {
      await instant(run);
      throw new AgentError('DAMAGED', undefined, { retryable: false, detail: 'moov atom not found' });
    });
    const jobId = await flow.createJob(api);
    await flow.reaches(jobId, 'failed');

    const [job] = await flow.database.query('SELECT * FROM jobs WHERE id = $1', [jobId]);
    expect(job).toMatchObject({
      error_code: 'DAMAGED',
      error_message: 'The file is damaged: too much of the video cannot be decoded.',
    });
    const { steps } = await flow.state(jobId);
    expect(steps).toMatchObject({ inspector: 'completed', 'audio-analyst': 'failed', packager: 'cancelled' });
    const [step] = await flow.database.query<{ error_detail: string }>(
      `SELECT error_detail FROM steps WHERE job_id = $1 AND agent = 'audio-analyst'`,
      [jobId],
    );
    expect(step?.error_detail).toBe('moov atom not found');
    const rows = await flow.database.query(
      'SELECT 1 FROM artifacts a JOIN steps s ON s.id = a.step_id WHERE s.agent = $1 AND s.job_id = $2',
      ['audio-analyst', jobId],
    );
    expect(rows).toEqual([]);
  });

  it('says what a step failed of where its files cannot be removed, and loses no worker over it', async () => {
    const remove = jest.spyOn(FolderBlobStore.prototype, 'deletePrefix');
    remove.mockRejectedValue(new Error('The store is away'));
    try {
      flow.scripts.set('inspector', (run) =>
        run.attempt === 1
          ? Promise.reject(new AgentError('TOOL_FAILED'))
          : Promise.reject(new AgentError('DAMAGED', undefined, { retryable: false })),
      );
      const jobId = await flow.createJob(api);
      await flow.reaches(jobId, 'failed');
      expect((await flow.steps(jobId))[0]).toMatchObject({ attempt: 2, failures: 2, error_code: 'DAMAGED' });
      expect(await eventsOf(jobId)).toEqual(['job.created', 'step.retried', 'step.failed', 'job.failed']);
    } finally {
      remove.mockRestore();
    }
  });

  it('fails a step for which there is no place to work as what it is, and runs it when there is', async () => {
    const workDir = api.get<Env>(ENV, { strict: false }).workDir;
    const { query } = flow.database;
    // It is tried again when the test says so, and not while there is no place yet.
    await query(`CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN NEW.not_before := now() + interval '1 hour'; RETURN NEW; END $$`);
    await query(`CREATE TRIGGER hold BEFORE UPDATE ON steps FOR EACH ROW
      WHEN (NEW.failures > OLD.failures) EXECUTE FUNCTION hold()`);
    await rename(workDir, `${workDir}-away`);
    await writeFile(workDir, 'in the way');
    const jobId = await flow.createJob(api);
    await eventually(async () => expect((await flow.steps(jobId))[0]?.failures).toBe(1));
    expect((await flow.steps(jobId))[0]).toMatchObject({ status: 'queued', error_code: 'STEP_CRASHED' });
    await rm(workDir);
    await rename(`${workDir}-away`, workDir);
    await query('DROP FUNCTION hold CASCADE');
    await query(`UPDATE steps SET not_before = now() WHERE job_id = $1 AND status = 'queued'`, [jobId]);
    await flow.reaches(jobId, 'completed');
    expect(await eventsOf(jobId)).toEqual(['job.created', 'step.retried', 'job.completed']);
  });

  it('runs on past a step that has nothing to do', async () => {
    flow.scripts.set('audio-analyst', () => Promise.resolve({ status: 'skipped', reason: 'no_audio' }));
    const jobId = await flow.createJob(api);
    await flow.reaches(jobId, 'completed');
    expect((await flow.state(jobId)).steps).toMatchObject({
      'audio-analyst': 'skipped',
      packager: 'completed',
    });
  });
});
