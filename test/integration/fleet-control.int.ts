import type { INestApplicationContext } from '@nestjs/common';
import { FleetControl } from '../../src/fleet/workers/fleet-control';
import type { WorkerCommand, WorkerCommands } from '../../src/fleet/workers/worker-commands';
import { WorkerDuty } from '../../src/fleet/workers/worker-duty';
import { WorkerRegistry } from '../../src/fleet/workers/worker-registry';
import { WorkerModule } from '../../src/fleet/workers/worker.module';
import { WorkersModule } from '../../src/fleet/workers/workers.module';
import { FlowModule } from '../../src/media/flow/flow.module';
import { MessageBus } from '../../src/platform/messages/message-bus';
import { ENV, type Env } from '../../src/platform/settings/env';
import type { FleetSettings } from '../../src/platform/settings/fleet.settings';
import type { Patch } from '../../src/platform/settings/patch';
import { RuntimeSettings } from '../../src/platform/settings/runtime-settings';
import { eventually } from '../support/eventually';
import { Gate } from '../support/gate';
import { FlowTest, instant } from './flow-support';

describe('the control channel of the workers', () => {
  let flow: FlowTest;
  let api: INestApplicationContext;
  let fleet: FleetControl;
  let gate: Gate;

  beforeAll(async () => {
    flow = await FlowTest.start();
    api = await flow.boot([FlowModule, WorkersModule], {});
    fleet = api.get(FleetControl, { strict: false });
  });

  /** Agents wait for the test to let them end. */
  beforeEach(() => {
    gate = new Gate();
    flow.scripts.set('inspector', async (run) => {
      await gate.opened;
      return instant(run);
    });
  });

  afterEach(async () => {
    gate.open();
    await Promise.all(flow.apps.splice(1).map((app) => app.close()));
    await flow.database.query('TRUNCATE jobs CASCADE');
    await api.get(RuntimeSettings, { strict: false }).update({ fleet: null }, { authorId: null });
    await flow.flush();
  });

  afterAll(() => flow.close(), 60_000);

  const idOf = (worker: INestApplicationContext) => worker.get<Env>(ENV, { strict: false }).workerId;

  /** A worker that messages reach. */
  async function listening(concurrency: number): Promise<INestApplicationContext> {
    const worker = await flow.worker(concurrency);
    await eventually(() => expect(worker.get(MessageBus, { strict: false }).session).toBeDefined());
    return worker;
  }

  async function tell<C extends WorkerCommand>(
    worker: INestApplicationContext,
    command: C,
    payload: WorkerCommands[C]['request'],
  ): Promise<WorkerCommands[C]['reply']> {
    for (let tries = 1; ; tries++) {
      const [answer] = await fleet.ask(command, payload, [idOf(worker)]);
      if (answer?.answered) return answer.result;
      // After a stall of the machine its answer counts no more, and it can be asked again.
      if (answer?.error !== 'It did not answer within 2 s.' || tries === 10)
        throw new Error(answer?.error ?? 'nobody was asked');
    }
  }

  /** Saves pools, and waits until the worker goes by them; what it does then. */
  async function configure(worker: INestApplicationContext, pools: Patch<FleetSettings['pools']>) {
    const settings = api.get(RuntimeSettings, { strict: false });
    const { version } = await settings.update({ fleet: { pools } }, { authorId: null });
    return tell(worker, 'worker.configure', { settings_version: version });
  }

  /** How many steps of an agent run, as Postgres has it. */
  const running = async (agent = 'inspector') => {
    const [row] = await flow.database.query<{ n: number }>(
      "SELECT count(*)::int AS n FROM steps WHERE status = 'processing' AND agent = $1",
      [agent],
    );
    return row?.n;
  };
  const runs = (n: number) => eventually(async () => expect(await running()).toBe(n));
  const jobs = (n: number) => Promise.all(Array.from({ length: n }, () => flow.createJob(api)));

  it('changes at once how many steps the workers of a pool run at a time', async () => {
    const worker = await listening(1);
    await jobs(5);
    await runs(1);
    expect(await configure(worker, { default: { concurrency: 3 } })).toMatchObject({ concurrency: 3 });
    await runs(3);
    // A step is claimed a moment before its agent begins.
    await eventually(() => expect(flow.runs.filter((run) => run.agent === 'inspector')).toHaveLength(3));

    // Fewer: what runs goes on, and nothing more is taken until there is room again.
    await configure(worker, { default: { concurrency: 2 } });
    const registry = api.get(WorkerRegistry, { strict: false });
    await eventually(async () => expect(await registry.list()).toMatchObject([{ concurrency: 2 }]));
    expect(await running()).toBe(3);
    // As its process was started.
    expect(await configure(worker, { default: null })).toMatchObject({ concurrency: 1 });
  });

  it('changes at once which agents the workers of a pool serve; other pools go on as they were', async () => {
    const worker = await listening(4);
    const other = await flow.boot([WorkerModule], { WORKER_POOL: 'other' });
    expect(other.get(WorkerDuty, { strict: false }).state()).toMatchObject({ pool: 'other', agents: [] });
    const few = { default: { agents: ['packager', 'scene-detector'] }, other: { agents: ['audio-analyst'] } };
    expect(await configure(worker, few)).toMatchObject({
      pool: 'default',
      // Nobody has said who is to do the inspector's work.
      agents: ['inspector', 'scene-detector', 'packager'],
    });
    expect(await configure(worker, { other: { agents: ['inspector'] } })).toMatchObject({
      agents: ['audio-analyst', 'scene-detector', 'packager'],
    });
    const [jobId = ''] = await jobs(1);
    await runs(1);
    const [step] = await flow.database.query("SELECT worker_id FROM steps WHERE status = 'processing'");
    expect(step).toEqual({ worker_id: idOf(other) });
    const registry = api.get(WorkerRegistry, { strict: false });
    await eventually(async () => {
      const served = (await registry.list()).map(({ pool, queues }) => [pool, queues]);
      expect(Object.fromEntries(served)).toEqual({
        default: ['audio-analyst', 'scene-detector', 'packager'],
        other: ['inspector'],
      });
    });
    // What it runs goes on to its end when its pool is gone; all that follows is done by the pool that is left.
    await configure(other, { other: null, default: null });
    gate.open();
    await flow.reaches(jobId, 'completed');
    const takers = await flow.database.query(
      "SELECT DISTINCT worker_id FROM steps WHERE agent <> 'inspector'",
    );
    expect(takers).toEqual([{ worker_id: idOf(worker) }]);
    expect((await flow.steps(jobId)).map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1]);
  });

  it('waits for no version of the settings that is not there', async () => {
    const worker = await listening(1);
    await expect(tell(worker, 'worker.configure', { settings_version: 9_999 })).rejects.toThrow(
      'This worker finds no version 9999 of the settings.',
    );
  });

  it('lets a worker end what it runs and take nothing more, until it is told to go on', async () => {
    const worker = await listening(2);
    await jobs(4);
    await runs(2);
    expect(await tell(worker, 'worker.drain', {})).toEqual({ draining: true, steps_left: 2 });
    expect(await api.get(WorkerRegistry, { strict: false }).list()).toHaveLength(1);
    gate.open();
    await eventually(async () =>
      expect(await tell(worker, 'worker.drain', {})).toEqual({ draining: true, steps_left: 0 }),
    );
    // Two inspectors are done, and neither the others nor what follows was begun.
    expect(
      await flow.database.query('SELECT status, count(*)::int AS n FROM steps GROUP BY 1 ORDER BY 1'),
    ).toEqual([
      { status: 'blocked', n: 8 },
      { status: 'completed', n: 2 },
      { status: 'queued', n: 6 },
    ]);
    await eventually(async () =>
      expect(await api.get(WorkerRegistry, { strict: false }).list()).toMatchObject([{ draining: true }]),
    );
    expect(await tell(worker, 'worker.resume', {})).toMatchObject({ draining: false });
    await eventually(
      async () =>
        expect(await flow.database.query("SELECT FROM jobs WHERE status <> 'completed'")).toHaveLength(0),
      { timeoutMs: 60_000 },
    );
  });

  it('asks one, some or all, and says what is wrong with whom', async () => {
    const [first, second] = [await listening(1), await listening(2)];
    flow.scripts.set('inspector', () => Promise.reject(new Error('broken')));
    await jobs(1);
    const failed = await eventually(async () => {
      const healths = await fleet.health();
      expect(healths.map(({ state }) => state)).toEqual(['healthy', 'healthy']);
      const found = healths.find((health) => health.vitals?.last_error);
      expect(found?.vitals?.last_error?.message).toMatch(/^Step [0-9a-f-]{36} failed: /);
      return healths;
    });
    for (const { vitals, heartbeat_age_ms, service } of failed) {
      // Else it would be lost.
      expect(heartbeat_age_ms).toBeLessThan(9_000);
      expect(service).toBeNull();
      expect(vitals?.memory.rss_bytes).toBeGreaterThan(vitals?.memory.heap_used_bytes ?? 0);
      expect(vitals?.loop_delay_ms.p50).toBeGreaterThanOrEqual(0);
      expect(vitals?.agents).toHaveLength(4);
    }
    expect(failed.map(({ vitals }) => vitals?.concurrency).sort()).toEqual([1, 2]);
    await eventually(async () =>
      expect(await fleet.ask('worker.health', {}, [idOf(second), 'worker-nobody'])).toMatchObject([
        { worker_id: idOf(second), answered: true },
        { worker_id: 'worker-nobody', answered: false, error: 'It did not answer within 2 s.' },
      ]),
    );
    expect(await fleet.ask('worker.health', {}, [])).toEqual([]);
    await first.close();
    expect((await fleet.health()).map(({ worker_id }) => worker_id)).toEqual([idOf(second)]);
  });
});
