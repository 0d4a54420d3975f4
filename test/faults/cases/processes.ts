import { randomUUID } from 'node:crypto';
import { type INestApplicationContext, Module } from '@nestjs/common';
import { createContext } from '../../../src/apps/context';
import { FleetControl } from '../../../src/fleet/workers/fleet-control';
import { WorkersModule } from '../../../src/fleet/workers/workers.module';
import { PlatformModule } from '../../../src/platform/platform.module';
import { loadEnv } from '../../../src/platform/settings/env';
import type { Cluster } from '../../support/cluster';
import { eventually } from '../../support/eventually';
import type { HeldEncoder } from '../../support/held-encoder';
import type { HttpClient } from '../../support/http-client';
import { shortVideo } from '../../support/media';
import { clipsOf, createJob, PLAIN_CLIPS, readJob, settled, upload } from '../../support/video-way';

/** The module of a process that does nothing but ask. */
@Module({})
class Asking {}

/** What to create a job with whose clips are to have all their files, but small ones. */
const SMALL_CLIPS = {
  settings: { 'clip-renderer': { max_short_side: 180 }, packager: { hls: false, storyboard: false } },
};
/** Long enough for several clips. */
const LENGTH_S = 20;

/** What happens when a process is killed, or freezes. */
export function processes(started: () => { cluster: Cluster; encoder: HeldEncoder }): void {
  let cluster: Cluster;
  let encoder: HeldEncoder;
  let user: HttpClient;
  let operator: HttpClient;

  beforeAll(async () => {
    ({ cluster, encoder } = started());
    ({ client: user } = await cluster.user('user'));
    ({ client: operator } = await cluster.user('operator'));
  });
  afterEach(() => encoder.letGo());

  it('a worker in the middle of a step, twice: another takes the step over, and each clip is there once', async () => {
    const expected: { agent: string; attempt: number }[] = [];
    const jobId = await createJob(user, await upload([user], await shortVideo(LENGTH_S)), SMALL_CLIPS);
    for (const agent of ['normaliser', 'clip-renderer']) {
      encoder.hold();
      const { attempt } = await encoding(jobId, agent);
      expected.push({ agent, attempt: attempt + 1 });
      const victim = cluster.workers.pop();
      await victim?.kill();
      // What it had started is gone as well.
      await eventually(() => expect(cluster.mediaProcesses()).toEqual([]));
      encoder.letGo();
      await cluster.startWorker();
      await eventually(async () => expect(await statusOf(jobId, agent)).toBe('completed'), {
        timeoutMs: 120_000,
      });
    }
    const job = await settled(user, jobId, 120_000);
    expect(job.status).toBe('completed');
    const after = await cluster.query(
      'SELECT agent, attempt FROM steps WHERE job_id = $1 AND agent = ANY ($2) ORDER BY position',
      [jobId, expected.map(({ agent }) => agent)],
    );
    expect(after).toEqual(expected);
    await expectClipsOnce(jobId);
  }, 300_000);

  it('a manager that leads the loops: the other one takes them over and jobs go on', async () => {
    const leads = (): Promise<{ name: string; holder: string; fence: number }[]> =>
      cluster.query('SELECT name, holder, fence FROM manager_leases ORDER BY name');
    const before = await eventually(async () => {
      const rows = await leads();
      expect(rows.map((row) => row.name)).toEqual(
        expect.arrayContaining(['dispatcher', 'cache-warmer', 'upload-sweeper', 'execution-sweeper']),
      );
      return rows;
    });
    const dispatcher = before.find((row) => row.name === 'dispatcher');
    const leader = cluster.managers.findIndex((manager) => dispatcher?.holder.startsWith(`${manager.name}/`));
    expect(leader).toBeGreaterThanOrEqual(0);
    await cluster.startManager();
    await cluster.managers.splice(leader, 1)[0]?.kill();

    await eventually(
      async () => {
        const rows = await leads();
        expect(rows.filter((row) => row.holder === dispatcher?.holder)).toEqual([]);
        for (const old of before.filter(({ holder }) => holder === dispatcher?.holder)) {
          const row = rows.find(({ name }) => name === old.name);
          expect(row?.fence).toBeGreaterThan(old.fence);
        }
      },
      { timeoutMs: 30_000 },
    );
    const uploadId = await upload([user], await shortVideo());
    const job = await settled(user, await createJob(user, uploadId, PLAIN_CLIPS));
    expect(job.status).toBe('completed');
  });

  it('a worker that freezes: nobody takes it for well, and what it was told meanwhile it does not do any more', async () => {
    const control = await fleetControl();
    try {
      const fleet = control.get(FleetControl, { strict: false });
      encoder.hold();
      const jobId = await createJob(user, await upload([user], await shortVideo()));
      const step = await encoding(jobId, 'normaliser');
      const [worker] = cluster.workers;
      const health = async () => (await fleet.health()).find(({ worker_id }) => worker_id === step.worker_id);
      const before = await eventually(async () => {
        const seen = await health();
        expect(seen).toMatchObject({ state: 'healthy', vitals: { concurrency: 1, draining: false } });
        return seen;
      });
      worker?.signal('SIGSTOP');
      try {
        expect(await health()).toMatchObject({ state: 'unhealthy', vitals: null });
        const silent = { worker_id: step.worker_id, answered: false, error: 'It did not answer within 2 s.' };
        expect(await fleet.ask('worker.drain', {}, [step.worker_id])).toEqual([silent]);
        await eventually(async () => expect(await health()).toMatchObject({ state: 'lost', vitals: null }), {
          timeoutMs: 20_000,
        });
        // It cannot end its step; when its lease is over, nobody waits for it any more.
        expect((await operator.action('job.cancel', { job_id: jobId })).status).toBe(200);
        await eventually(async () => expect((await readJob(user, jobId)).status).toBe('cancelled'), {
          timeoutMs: 60_000,
        });
      } finally {
        worker?.signal('SIGCONT');
      }
      await eventually(
        async () =>
          expect(await health()).toMatchObject({
            state: 'healthy',
            vitals: { concurrency: 1, draining: false, active_steps: [] },
          }),
        { timeoutMs: 20_000 },
      );
      expect((await health())?.vitals?.uptime_s).toBeGreaterThanOrEqual(before?.vitals?.uptime_s ?? 0);
      expect((await readJob(user, jobId)).status).toBe('cancelled');
      await eventually(() => expect(cluster.mediaProcesses()).toEqual([]));
    } finally {
      await control.close();
    }
  }, 180_000);

  it('an api in the middle of an action: a retry with the same key never doubles the effect', async () => {
    // Also so that the job does not complete while the dead api's claim runs out: there would be nothing left to cancel.
    encoder.hold();
    const jobId = await createJob(user, await upload([user], await shortVideo()));
    await encoding(jobId, 'normaliser');
    const key = randomUUID();
    const victim = cluster.apis[1];
    // Cancelling waits for the running step's end, so the api dies with the action under way.
    const call = operator
      .at(cluster.url(1))
      .action('job.cancel', { job_id: jobId }, { headers: { 'x-idempotency-key': key } });
    const lost = expect(call).rejects.toThrow();
    await eventually(
      async () =>
        expect(
          await cluster.query('SELECT 1 FROM executions WHERE idempotency_key = $1', [key]),
        ).toHaveLength(1),
      { intervalMs: 1 },
    );
    await victim?.kill();
    cluster.apis.splice(1, 1);
    await lost;

    const answer = await eventually(
      async () => {
        const again = await operator.action(
          'job.cancel',
          { job_id: jobId },
          { headers: { 'x-idempotency-key': key } },
        );
        expect(again.body.error_code).not.toBe('IDEMPOTENCY_IN_PROGRESS');
        return again;
      },
      { timeoutMs: 90_000, intervalMs: 500 },
    );
    expect([200, 409]).toContain(answer.status);
    expect((await readJob(user, jobId)).status).toBe('cancelled');
    expect(
      await cluster.query('SELECT count(*) AS n FROM executions WHERE idempotency_key = $1', [key]),
    ).toEqual([{ n: 1 }]);
    // An intent and its end, whoever wrote it: nothing is left open.
    const entries = await eventually(async () => {
      const rows = await cluster.query<{ phase: string }>(
        `SELECT phase, outcome FROM audit_entries JOIN executions ON executions.id = execution_id
         WHERE idempotency_key = $1 ORDER BY seq`,
        [key],
      );
      expect(rows.at(-1)?.phase).toBe('outcome');
      return rows;
    });
    expect(entries[0]).toMatchObject({ phase: 'intent' });
    await cluster.startApi();
  }, 180_000);

  /** Something that asks the workers, as the api and manager do. */
  async function fleetControl(): Promise<INestApplicationContext> {
    const env = loadEnv({ ...cluster.environment, LOG_LEVEL: 'silent' });
    return createContext({ module: Asking, imports: [PlatformModule.forRoot(env), WorkersModule] });
  }

  /** The step of an agent whose encoder is held, once it is. */
  async function encoding(jobId: string, agent: string): Promise<{ attempt: number; worker_id: string }> {
    return eventually(
      async () => {
        const [step] = await cluster.query<{ attempt: number; worker_id: string }>(
          "SELECT attempt, worker_id FROM steps WHERE job_id = $1 AND agent = $2 AND status = 'processing'",
          [jobId, agent],
        );
        if (!step) throw new Error(`${agent} is not running`);
        expect(cluster.mediaProcesses().filter((line) => line.includes('libx264'))).toHaveLength(1);
        return step;
      },
      { timeoutMs: 120_000 },
    );
  }

  async function statusOf(jobId: string, agent: string): Promise<string | undefined> {
    const [step] = await cluster.query<{ status: string }>(
      'SELECT status FROM steps WHERE job_id = $1 AND agent = $2',
      [jobId, agent],
    );
    return step?.status;
  }

  async function expectClipsOnce(jobId: string): Promise<void> {
    const clips = await clipsOf(user, jobId);
    expect(clips.length).toBeGreaterThan(0);
    const positions = await cluster.query<{ position: number }>(
      'SELECT position FROM clips WHERE job_id = $1 ORDER BY position',
      [jobId],
    );
    expect(positions).toHaveLength(clips.length);
    expect(new Set(clips.map((clip) => `${clip.start_s}-${clip.end_s}`)).size).toBe(clips.length);
    for (const clip of clips) {
      for (const variant of clip.variants)
        expect((await cluster.http().get(variant.download_url)).status).toBe(200);
    }
  }
}
