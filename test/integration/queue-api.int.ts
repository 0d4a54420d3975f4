import { WorkerRegistry } from '../../src/fleet/workers/worker-registry';
import { QueueAdmin } from '../../src/media/flow/queues/queue-admin.service';
import { JobsService } from '../../src/media/jobs/jobs.service';
import type { HttpClient } from '../support/http-client';
import { waitingJob } from '../support/pipeline';
import type { TestUser } from '../support/users';
import { bootUserApi, type UserApi } from '../support/user-api';

interface Line {
  queue: string;
  status: string;
  waiting: number;
  active: number;
  delayed: number;
  workers: number;
  oldest_waiting_at: string | null;
  next: { job_id: string; priority: number; title: string; attempt: number }[];
  completed_1h: number;
}
interface View {
  scope: string;
  as_of: string;
  stale: boolean;
  workers: number;
  is_partial: boolean;
  totals: Record<string, number>;
  queues: Line[];
}

/** What the other user's and one's own jobs come to in the queues. */
describe('the queues over the user API', () => {
  let api: UserApi;
  let user: TestUser;
  let client: HttpClient;
  let staff: HttpClient;
  let own: string[];

  beforeAll(async () => {
    api = await bootUserApi();
    ({ user, client } = await api.user());
    ({ client: staff } = await api.user('operator'));
    const { user: other } = await api.user();
    own = [await waitingJob(api.database, user.id), await waitingJob(api.database, user.id)];
    const others = await waitingJob(api.database, other.id);
    await api.database.query('UPDATE steps SET priority = 1 WHERE job_id = $1', [own[1]]);
    await api.database.query("UPDATE steps SET queued_at = now() - interval '1 minute' WHERE job_id = $1", [
      others,
    ]);
    for (const id of [...own, others]) await api.get(JobsService).dispatchJob(id);
    await api.get(WorkerRegistry).say({
      worker_id: 'worker-1',
      pool: 'default',
      service: null,
      pid: 1,
      started_at: new Date().toISOString(),
      concurrency: 4,
      active_steps: [],
      queues: ['inspector'],
      draining: false,
      capabilities: {},
      rss_bytes: 1,
      loop_delay_ms: 0,
    });
    await api.get(QueueAdmin).pause('packager');
  });
  afterAll(() => api?.close());

  const view = async (name: string, by: HttpClient) => (await by.get<View>(`/api/queue/${name}`)).data;
  const line = (shown: View, queue: string) => shown.queues.find((one) => one.queue === queue);

  it("count one's own steps, and for staff those of everybody", async () => {
    const [mine, all] = [await view('status', client), await view('status', staff)];
    expect(mine).toMatchObject({
      scope: 'own',
      is_partial: false,
      totals: { waiting: 2, active: 0, paused: 1 },
    });
    expect(all).toMatchObject({ scope: 'all', totals: { waiting: 3, active: 0, paused: 1 } });
    expect(line(all, 'inspector')).toEqual({
      queue: 'inspector',
      status: 'running',
      waiting: 3,
      active: 0,
      delayed: 0,
    });
    for (const shown of [mine, all])
      expect(line(shown, 'packager')).toMatchObject({ status: 'paused', waiting: 0 });
  });

  it('show what comes next, since when something waits, and who works', async () => {
    const [mine, all] = [await view('details', client), await view('details', staff)];
    expect(mine.workers).toBe(1);
    expect(line(mine, 'inspector')).toMatchObject({ workers: 1, next: [{ priority: 1, attempt: 1 }, {}] });
    expect(line(mine, 'inspector')?.next.map((step) => step.job_id)).toEqual([own[1], own[0]]);
    const next = line(all, 'inspector')?.next.map((step) => step.job_id) ?? [];
    // The most urgent first, then who has waited longest.
    expect([next.length, next[0], next[2]]).toEqual([3, own[1], own[0]]);
    const waitedMs = Date.now() - Date.parse(line(all, 'inspector')?.oldest_waiting_at ?? '');
    expect(waitedMs).toBeGreaterThanOrEqual(59_000);
    expect(line(all, 'clip-renderer')).toMatchObject({ workers: 0, oldest_waiting_at: null, next: [] });
  });

  it('tell delayed steps and running ones apart', async () => {
    const { user: late, client: reader } = await api.user();
    const ids = [await waitingJob(api.database, late.id), await waitingJob(api.database, late.id)];
    await api.database.query(
      "UPDATE steps SET not_before = now() + interval '1 hour' WHERE job_id = $1 AND status = 'queued'",
      [ids[0]],
    );
    await api.database.query(
      "UPDATE steps SET status = 'processing' WHERE job_id = $1 AND status = 'queued'",
      [ids[1]],
    );
    await api.database.query("UPDATE jobs SET status = 'processing' WHERE id = $1", [ids[1]]);
    expect(line(await view('status', reader), 'inspector')).toMatchObject({
      waiting: 0,
      active: 1,
      delayed: 1,
    });
    expect(line(await view('details', reader), 'inspector')).toMatchObject({
      oldest_waiting_at: null,
      next: [],
    });
  });

  it('tell what was done in the last hour', async () => {
    const { user: busy, client: reader } = await api.user();
    const id = await waitingJob(api.database, busy.id);
    await api.database.query(
      `UPDATE steps SET status = 'completed', queued_at = now() - interval '30 s', started_at = now() - interval '20 s',
         finished_at = now() - interval '5 s' WHERE job_id = $1 AND agent = 'inspector'`,
      [id],
    );
    const mine = await view('stats', reader);
    expect(line(mine, 'inspector')).toMatchObject({
      completed_1h: 1,
      failed_1h: 0,
      failure_rate_1h: 0,
      wait_ms_p50: 10_000,
      run_ms_p95: 15_000,
    });
    expect(line(mine, 'packager')).toMatchObject({
      completed_1h: 0,
      failure_rate_1h: null,
      run_ms_p50: null,
    });
    expect(line(await view('stats', client), 'inspector')).toMatchObject({ completed_1h: 0 });
    const all = await view('stats', staff);
    expect(all).toMatchObject({ scope: 'all', stale: false });
    expect(all.queues.map(({ queue }) => queue)).toEqual(mine.queues.map(({ queue }) => queue));
    expect(line(all, 'inspector')?.completed_1h).toBe(1);
  });
});
