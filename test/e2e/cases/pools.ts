import { Client } from 'pg';
import type { ProcessDriver } from '../../../src/fleet/drivers/process/process-driver';
import { AGENTS } from '../../../src/media/agents';
import { eventually } from '../../support/eventually';
import { HttpClient } from '../../support/http-client';
import { shortVideo } from '../../support/media';
import { saveSettings, signIn } from '../../support/users';
import { createJob, PLAIN_CLIPS, settled, upload } from '../../support/video-way';

/** What one pool does here; the other one does the rest. */
const RENDERING = ['clip-renderer', 'packager'];
const REST = AGENTS.map(({ id }) => id as string).filter((id) => !RENDERING.includes(id));

interface Snapshot {
  agents_workers: {
    workers: { worker_id: string; pool: string; pid: number; concurrency: number; queues: string[] }[];
  };
}

/** An installation that `npm start` runs, with one worker. */
export interface Started {
  url: string;
  /** As the role that its processes run as. */
  databaseUrl: string;
  /** The first admin. */
  admin: { email: string; password: string };
  driver: ProcessDriver;
}

/** Pools of workers, as npm start runs them; in the end they are as they were. */
export function pools(started: () => Started): void {
  let connection: Client;
  let driver: ProcessDriver;
  let admin: HttpClient;

  beforeAll(async () => {
    const { url, databaseUrl, admin: account, driver: control } = started();
    connection = new Client({ connectionString: databaseUrl });
    await connection.connect();
    driver = control;
    await saveSettings({ query });
    const http = new HttpClient(url);
    admin = http.as((await signIn(http, account)).access_token);
  });

  afterAll(() => connection?.end());

  const query = async <T>(sql: string, params?: unknown[]): Promise<T[]> =>
    (await connection.query(sql, params)).rows as T[];

  /** Saves pools as they are to be, whatever version of the settings came before. */
  async function save(pools: object): Promise<void> {
    const [newest] = await query<{ n: number }>('SELECT max(version)::int AS n FROM settings_versions');
    const payload = { settings: { fleet: { pools } }, expected_version: newest?.n ?? 0 };
    void (await admin.action<unknown>('config.save', payload)).data; // throws unless it was saved
  }

  /** Configures a pool; the workers that say that they go by it. */
  async function acknowledged(payload: object): Promise<string[]> {
    const { data } = await admin.action<{ workers: { worker_id: string; acknowledged: boolean }[] }>(
      'worker.configure',
      payload,
    );
    return data.workers.filter((worker) => worker.acknowledged).map(({ worker_id }) => worker_id);
  }

  /** What an action comes to that a busy machine may need longer for than an answer can be waited for. */
  async function finished<T>(action: string, payload: object): Promise<T> {
    const answer = await admin.action<T>(action, payload, { options: { wait_ms: 30_000 } });
    if (answer.status !== 202) return answer.data;
    const path = `/api/admin/action/status?execution_id=${answer.body.execution_id}`;
    return eventually(
      async () => {
        const { data } = await admin.get<{ execution: { status: string; result: T } }>(path);
        expect(data.execution.status).toBe('succeeded');
        return data.execution.result;
      },
      { timeoutMs: 90_000 },
    );
  }

  /** The workers of a pool that the driver has: their names and states. */
  const services = async (pool: string) =>
    (await driver.list())
      .filter((service) => service.pool === pool)
      .map(({ name, state }) => `${name} ${state}`);
  const become = (pool: string, expected: string[]) =>
    eventually(async () => expect(await services(pool)).toEqual(expected), { timeoutMs: 60_000 });
  const pidOf = async (name: string) =>
    (await driver.list()).find((service) => service.name === name)?.pid ?? 0;
  const workers = async () => (await admin.get<Snapshot>('/api/admin/ssot')).data.agents_workers.workers;

  it('are made while all runs, and a video completes across them', async () => {
    expect(await services('default')).toEqual(['worker-1 running']);
    await admin.action<unknown>('worker.create_generic', { name: 'render', agents: RENDERING, max: 3 });
    // While the other one starts, it may be slow to say so.
    await eventually(async () =>
      expect(await acknowledged({ pool: 'default', agents: REST })).toHaveLength(1),
    );
    await become('render', ['worker-render-1 running']);
    const found = await eventually(async () => {
      const seen = await workers();
      const queues = Object.fromEntries(seen.map((worker) => [worker.pool, worker.queues]));
      expect(queues).toEqual({ default: REST, render: RENDERING });
      return seen;
    });
    const jobId = await createJob(admin, await upload([admin], await shortVideo()), PLAIN_CLIPS);
    expect((await settled(admin, jobId)).status).toBe('completed');
    const poolOf = new Map(found.map((worker) => [worker.worker_id, worker.pool]));
    const steps = await query<{ agent: string; worker_id: string }>(
      'SELECT agent, worker_id FROM steps WHERE job_id = $1',
      [jobId],
    );
    const done = steps.map(({ agent, worker_id }) => [agent, poolOf.get(worker_id)]);
    expect(Object.fromEntries(done)).toEqual(
      Object.fromEntries(AGENTS.map(({ id }) => [id, RENDERING.includes(id) ? 'render' : 'default'])),
    );
  }, 180_000);

  it('follow a changed concurrency without a restart', async () => {
    const pid = await pidOf('worker-render-1');
    expect(await acknowledged({ pool: 'render', concurrency: 3 })).toHaveLength(1);
    await eventually(async () =>
      expect((await workers()).find((worker) => worker.pid === pid)).toMatchObject({
        pool: 'render',
        concurrency: 3,
      }),
    );
  });

  it('restart one after the other, with another that stands in for the only one', async () => {
    const before = await pidOf('worker-render-1');
    const seen: string[] = [];
    let over = false;
    const looking = (async () => {
      while (!over) {
        const running = (await services('render')).filter((text) => text.endsWith(' running'));
        seen.push(running.join(', ') || 'none');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    const result = await finished('worker.restart_all', { pool: 'render' }).finally(() => (over = true));
    await looking;
    expect(result).toEqual({ pool: 'render', restarted: ['worker-render-1'], stand_in: true });
    expect(seen).not.toContain('none');
    expect(seen).toContain('worker-render-stand-in running');
    expect(await services('render')).toEqual(['worker-render-1 running']);
    expect(await pidOf('worker-render-1')).not.toBe(before);
  });

  it('have as many as was said: a killed one comes back, one stopped on purpose does not', async () => {
    expect(await finished('worker.scale_up', { pool: 'render' })).toMatchObject({
      from: 1,
      to: 2,
      workers: ['worker-render-1', 'worker-render-2'],
    });
    const killed = await pidOf('worker-render-1');
    await driver.kill('worker-render-1');
    await driver.stop('worker-render-2');
    await become('render', ['worker-render-1 running', 'worker-render-2 stopped']);
    const pid = await pidOf('worker-render-1');
    expect(pid).not.toBe(killed);

    // By the time that another pool has been seen to, this one has been looked at as well.
    await save({ default: { replicas: 0 } });
    await become('default', []);
    expect(await services('render')).toEqual(['worker-render-1 running', 'worker-render-2 stopped']);

    expect(await finished('worker.scale_down', { pool: 'render' })).toMatchObject({
      from: 2,
      to: 1,
      workers: ['worker-render-1'],
    });
    expect(await pidOf('worker-render-1')).toBe(pid);
    const spawned = await admin.action<object>('worker.spawn_new', { pool: 'render', name: 'painter' });
    expect(spawned.data).toMatchObject({ service: 'painter', replicas: 2 });
    expect(await services('render')).toEqual(['worker-render-1 running', 'painter running']);

    await save({ default: null, render: null });
    await become('render', []);
    await save({ default: { replicas: 1 } });
    await become('default', ['worker-1 running']);
    await save({ default: null });
  });
}
