import { Redis } from 'ioredis';
import { eventually } from '../../support/eventually';
import type { HeldEncoder } from '../../support/held-encoder';
import type { HttpClient } from '../../support/http-client';
import { shortVideo } from '../../support/media';
import type { BreakableCluster } from '../../support/private-servers';
import { clipsOf, createJob, PLAIN_CLIPS, settled, upload } from '../../support/video-way';

/** What happens when a server fails in the middle of a job. */
export function servers(running: () => { broken: BreakableCluster; encoder: HeldEncoder }): void {
  let broken: BreakableCluster;
  let encoder: HeldEncoder;
  let user: HttpClient;
  let operator: HttpClient;
  let admin: HttpClient;

  beforeAll(async () => {
    ({ broken, encoder } = running());
    ({ client: user } = await broken.cluster.user('user'));
    ({ client: operator } = await broken.cluster.user('operator'));
    ({ client: admin } = await broken.cluster.user('admin'));
  });

  afterEach(() => encoder.letGo());

  /** Starts two jobs: one that a worker is in the middle of until the encoder is let go, one that waits. */
  async function jobsUnderWay(): Promise<string[]> {
    encoder.hold();
    const uploads = [await upload([user], await shortVideo()), await upload([user], await shortVideo())];
    const jobs: string[] = [];
    for (const uploadId of uploads) jobs.push(await createJob(user, uploadId, PLAIN_CLIPS));
    await eventually(
      async () => {
        const rows = await broken.cluster.query(
          "SELECT 1 FROM steps WHERE job_id = $1 AND status = 'processing' AND agent = 'normaliser'",
          [jobs[0]],
        );
        expect(rows).toHaveLength(1);
        expect(broken.cluster.mediaProcesses().filter((line) => line.includes('libx264'))).toHaveLength(1);
      },
      { timeoutMs: 60_000 },
    );
    return jobs;
  }

  async function expectAllCompletedOnce(jobs: string[]): Promise<void> {
    for (const jobId of jobs) {
      const job = await settled(user, jobId, 200_000);
      expect({ status: job.status, error: job.error ?? null }).toEqual({ status: 'completed', error: null });
      const clips = await clipsOf(user, jobId);
      expect(clips.length).toBeGreaterThan(0);
      expect(await broken.cluster.query('SELECT id FROM clips WHERE job_id = $1', [jobId])).toHaveLength(
        clips.length,
      );
    }
  }

  it('FLUSHALL on Redis: no job is lost, a paused queue stays paused, the live feed says that it starts anew', async () => {
    await operator.action('queue.pause', { queue: 'packager' });
    const socket = await broken.cluster.socket(operator);
    const { offset, epoch } = await socket.subscribe('queues');
    const jobs = await jobsUnderWay();
    const redis = new Redis(broken.redis.url);
    await redis.flushall();
    await redis.quit();
    encoder.letGo();

    await eventually(
      async () => {
        const waiting = await broken.cluster.query(
          "SELECT 1 FROM steps WHERE job_id = ANY ($1) AND agent = 'packager' AND status = 'queued'",
          [jobs],
        );
        expect(waiting).toHaveLength(jobs.length);
      },
      { timeoutMs: 200_000, intervalMs: 500 },
    );
    const again = await broken.cluster.socket(operator, 1);
    const resumed = await again.subscribe('queues', { offset: offset ?? 0, epoch: epoch ?? '' });
    expect(resumed.recovered).toBe(false);
    await Promise.all([socket.close(), again.close()]);

    expect((await operator.action('queue.resume', { queue: 'packager' })).status).toBe(200);
    await expectAllCompletedOnce(jobs);
  }, 300_000);

  it('Postgres restarted: jobs complete, nothing was accepted that could not be recorded', async () => {
    const jobs = await jobsUnderWay();
    await broken.postgres.stop();
    const refused = await admin.action('queue.pause', { queue: 'packager' });
    expect(refused.status).toBe(503);
    expect((await broken.cluster.http(1).get('/health')).status).toBe(200);
    await eventually(async () =>
      expect((await broken.cluster.http(1).get('/health/ready')).status).toBe(503),
    );
    // What the worker was in the middle of ends where it cannot be recorded.
    encoder.letGo();
    await broken.postgres.start();

    await eventually(
      async () => expect((await broken.cluster.http(1).get('/health/ready')).status).toBe(200),
      { timeoutMs: 20_000 },
    );
    expect(
      await broken.cluster.query("SELECT paused FROM queues WHERE name = 'packager' AND paused"),
    ).toEqual([]);
    await expectAllCompletedOnce(jobs);
  }, 300_000);

  it('Redis restarted empty: actions are refused while it is away, and jobs complete afterwards', async () => {
    const jobs = await jobsUnderWay();
    await broken.redis.stop();
    const refused = await eventually(async () => {
      const answer = await operator.action('queue.pause', { queue: 'packager' });
      expect(answer.status).toBe(503);
      return answer;
    });
    expect(refused.body.success).toBe(false);
    expect(
      await broken.cluster.query("SELECT paused FROM queues WHERE name = 'packager' AND paused"),
    ).toEqual([]);
    // The read side goes on without its cache.
    expect((await admin.get('/api/admin/ssot')).status).toBe(200);
    encoder.letGo();
    await broken.redis.start();

    await eventually(
      async () => expect((await operator.action('queue.resume', { queue: 'packager' })).status).toBe(200),
      {
        timeoutMs: 60_000,
        intervalMs: 500,
      },
    );
    await expectAllCompletedOnce(jobs);
  }, 300_000);
}
