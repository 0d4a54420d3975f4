import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Logger, Module } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { JobsCategory } from '../../src/categories/jobs/jobs.module';
import { SystemCategory } from '../../src/categories/system/system.module';
import { StepDispatch } from '../../src/media/flow/step-dispatch';
import { StepQueues } from '../../src/media/flow/queues/step-queues';
import { StepClaims } from '../../src/media/steps/step-claims';
import { StepSettlement } from '../../src/media/steps/step-settlement';
import { ExecutionSweeper } from '../../src/pipeline/executions/execution-sweeper.manager';
import { OperationsModule } from '../../src/pipeline/operations/operations.module';
import { ActionRunner } from '../../src/pipeline/pipeline';
import { PipelineModule } from '../../src/pipeline/pipeline.module';
import { LiveFeed } from '../../src/platform/feed/live-feed';
import type { Actor } from '../../src/platform/security/roles';
import { eventually } from '../support/eventually';
import { manyJobs } from '../support/jobs-of-a-kind';
import { processesOf, type TestProcess, type TestProcesses } from '../support/processes';
import { makeUser } from '../support/users';
import { runAction } from '../support/run-action';
import { forkRunner } from '../support/operations/runner-fork';

@Module({ imports: [JobsCategory, SystemCategory, PipelineModule], providers: [ExecutionSweeper] })
class Api {}

interface Outcome {
  requested: number;
  cancelled?: number;
  retried?: number;
  skipped: number;
  failed: number;
  skipped_by_reason: Record<string, number>;
  first_cancelled?: string[];
  first_skipped: { job_id: string; reason: string }[];
  still_stopping?: number;
  since_preview?: object;
}
interface Ended {
  status: string;
  result: Outcome & { done?: number; not_done?: number };
}

let processes: TestProcesses;
let api: TestProcess;
let runner: TestProcess;
let actor: Actor;
const children: ChildProcess[] = [];

beforeAll(async () => {
  processes = await processesOf([Api]);
  api = await processes.start();
  runner = await processes.start({ modules: [OperationsModule] });
  Logger.overrideLogger(false);
  const user = await makeUser(processes.database, 'admin');
  actor = { userId: user.id, email: user.email, role: 'admin', sessionId: uuidv7() };
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
  await processes.database.query(`UPDATE jobs SET status = 'completed'`);
  await processes.database.query(`UPDATE steps SET status = 'completed'`);
});
afterAll(() => processes?.close());

async function run<T = { execution_id: string }>(action: string, payload: object, options: object = {}) {
  const answer = await runAction(api.get(ActionRunner), actor, action, payload, options);
  const body = JSON.parse(answer.body.toString('utf8')) as { data: T; error_code?: string };
  return { status: answer.status, ...body };
}
/** Runs it to its end. */
async function done(action: string, payload: object, options: object = {}): Promise<Outcome> {
  const { status, data } = await run<Outcome & { execution_id: string }>(action, payload, {
    wait_ms: 25_000,
    ...options,
  });
  return status === 202 ? (await ended(data.execution_id)).result : data;
}
const ended = (id: string): Promise<Ended> =>
  eventually(
    async () => {
      await api.get(ExecutionSweeper).run({ fence: 1, signal: new AbortController().signal });
      const [row] = await processes.database.query<Ended>(
        'SELECT status, result FROM executions WHERE id = $1',
        [id],
      );
      if (!row || row.status === 'running') throw new Error('is still running');
      return row;
    },
    { timeoutMs: 90_000, intervalMs: 200 },
  );
const make = (count: number, kind: Parameters<typeof manyJobs>[3]) =>
  manyJobs(processes.database, actor.userId, count, kind);
const statuses = async (ids: string[]) => {
  const rows = await processes.database.query<{ status: string; n: number }>(
    'SELECT status, count(*) AS n FROM jobs WHERE id = ANY($1) GROUP BY status',
    [ids],
  );
  return Object.fromEntries(rows.map((row) => [row.status, row.n]));
};
/** How many events of this kind there are of how many of the jobs. */
const events = async (ids: string[], event: string) => {
  const [row] = await processes.database.query<{ n: number; jobs: number }>(
    `SELECT count(*) AS n, count(DISTINCT job_id) AS jobs FROM system_events WHERE event = $2 AND job_id = ANY($1)`,
    [ids, event],
  );
  return [row?.n, row?.jobs];
};
const entriesOf = async (agent: string) => (await api.get(StepQueues).counts())[agent]?.waiting;
/** Puts what waits into Bull, as the dispatcher does. */
async function dispatched(ids: string[]): Promise<void> {
  for (const id of ids) await api.get(StepDispatch).enqueueJob(id);
}
/** Makes each change of a job take a while, and all of them far longer than it takes to stop what changes them. */
async function slowly<T>(work: () => Promise<T>): Promise<T> {
  const { query } = processes.database;
  await query(
    `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.03); RETURN NEW; END $$`,
  );
  await query('CREATE TRIGGER slow BEFORE UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION slow()');
  try {
    return await work();
  } finally {
    await query('DROP FUNCTION slow CASCADE');
  }
}

describe('cancelling many jobs', () => {
  it('answers for each of them, in their order', async () => {
    const waiting = await make(150, 'waiting');
    const [failed = ''] = await make(1, 'failed');
    await dispatched(waiting);
    const missing = uuidv7();
    const [twice = ''] = waiting;
    const feed: unknown[] = [];
    await api.get(LiveFeed).listen((event) => event.topic === 'jobs' && feed.push(JSON.parse(event.json)));
    const outcome = await done('job.bulk_cancel', { job_ids: [missing, ...waiting, failed, twice] });
    expect(outcome).toEqual({
      requested: 153,
      cancelled: 150,
      skipped: 3,
      failed: 0,
      skipped_by_reason: { not_found: 1, failed: 1, duplicate: 1 },
      failed_by_reason: {},
      first_cancelled: waiting.slice(0, 100),
      first_skipped: [
        { job_id: missing, reason: 'not_found' },
        { job_id: failed, reason: 'failed' },
        { job_id: twice, reason: 'duplicate' },
      ],
      first_failed: [],
      still_stopping: 0,
    });
    expect(await statuses([...waiting, failed])).toEqual({ cancelled: 150, failed: 1 });
    expect(await events([...waiting, failed], 'job.cancelled')).toEqual([150, 150]);
    expect(await entriesOf('inspector')).toBe(0);
    await eventually(() => {
      const told = feed.flatMap((event) => (event as { job_ids?: string[] }).job_ids ?? []);
      expect(told.sort()).toEqual([...waiting].sort());
    });
  });

  it('waits for the ends of steps that run', async () => {
    const [running = ''] = await make(1, 'running');
    const [step] = await processes.database.query<{ id: string }>(
      `SELECT id FROM steps WHERE job_id = $1 AND status = 'processing'`,
      [running],
    );
    // Its worker, which hears of it and reports the end.
    const settled = eventually(
      async () => {
        const [job] = await processes.database.query<{ asked: boolean }>(
          'SELECT cancel_requested_at IS NOT NULL AS asked FROM jobs WHERE id = $1',
          [running],
        );
        expect(job).toEqual({ asked: true });
      },
      { timeoutMs: 60_000 },
    ).then(() => api.get(StepSettlement).release({ jobId: running, stepId: step?.id ?? '', attempt: 1 }));
    const outcome = await done('job.bulk_cancel', { filter: { status: ['processing'] } });
    expect(await settled).toBe('cancelled');
    expect(outcome).toMatchObject({ requested: 1, cancelled: 1, still_stopping: 0 });
    expect(await statuses([running])).toEqual({ cancelled: 1 });
  });

  it('touches only what its preview froze, and says what has changed', async () => {
    const [a = '', b = '', c = ''] = await make(3, 'waiting');
    const payload = { filter: { status: ['queued'] } };
    const preview = await run<{ count: number; preview_token: string }>('job.bulk_cancel', payload, {
      dry_run: true,
    });
    expect(preview.data.count).toBe(3);
    expect(await statuses([a, b, c])).toEqual({ queued: 3 });
    const [added = ''] = await make(1, 'waiting');
    await processes.database.query('UPDATE jobs SET attempt = 2 WHERE id = $1', [b]);
    await processes.database.query('DELETE FROM jobs WHERE id = $1', [c]);
    const outcome = await done('job.bulk_cancel', payload, { preview_token: preview.data.preview_token });
    expect(outcome).toMatchObject({
      requested: 3,
      cancelled: 1,
      since_preview: { added: 1, changed: 1, gone: 1 },
      first_cancelled: [a],
    });
    expect(await statuses([a, b, added])).toEqual({ cancelled: 1, queued: 2 });
  });
});

describe('retrying many jobs', () => {
  it('queues them again once, and their entries can be taken', async () => {
    const failed = await make(120, 'failed');
    const other = await make(5, 'waiting');
    await processes.database.query('DELETE FROM rollup_changes');
    const outcome = await done('dashboard.restart_failed_jobs', { limit: 100 });
    expect(outcome).toMatchObject({ requested: 100, retried: 100, skipped: 0, failed: 0 });
    expect(await statuses(failed)).toEqual({ queued: 100, failed: 20 });
    expect(await events(failed, 'job.retried')).toEqual([100, 100]);
    const counted = `SELECT kind, was, became, sum(count) AS n FROM rollup_changes GROUP BY 1, 2, 3 ORDER BY 1`;
    expect(await processes.database.query(counted)).toEqual([
      { kind: 'job', was: 'failed', became: 'queued', n: 100 },
      { kind: 'step', was: 'failed', became: null, n: 100 },
    ]);
    expect(await entriesOf('inspector')).toBe(100);
    const ticket = await api.get(StepQueues).take();
    expect(await api.get(StepClaims).claim(ticket?.data ?? ({} as never), 'w')).toMatchObject({
      job: { id: failed[0], attempt: 2 },
    });
    expect(await statuses(other)).toEqual({ queued: 5 });
  });

  it('fails for one alone that cannot be stored', async () => {
    const failed = await make(30, 'failed');
    const [, , bad = ''] = failed;
    await processes.database.query(
      `ALTER TABLE jobs ADD CONSTRAINT bad CHECK (status <> 'queued' OR id <> '${bad}') NOT VALID`,
    );
    const outcome = await done('job.bulk_retry', { job_ids: failed }).finally(() =>
      processes.database.query('ALTER TABLE jobs DROP CONSTRAINT bad'),
    );
    expect(outcome).toMatchObject({
      retried: 29,
      failed: 1,
      first_failed: [{ job_id: bad, reason: 'INTERNAL_ERROR' }],
    });
    expect(await statuses(failed)).toEqual({ queued: 29, failed: 1 });
  });

  it('says when it is stopped what is done and what is not', async () => {
    const failed = await make(600, 'failed');
    await slowly(async () => {
      const { data } = await run('job.bulk_retry', { filter: { status: ['failed'], limit: 600 } });
      await eventually(async () => expect((await statuses(failed))['queued']).toBeGreaterThan(0), {
        timeoutMs: 60_000,
      });
      await run('system.abort_operation', { execution_id: data.execution_id });
      const { status, result } = await ended(data.execution_id);
      expect([status, result.done]).toEqual(['aborted', (await statuses(failed))['queued']]);
      expect((result.done ?? 0) + (result.not_done ?? 0)).toBe(600);
      expect(result.not_done).toBeGreaterThan(0);
    });
  });

  it('goes on where a killed process was: each is retried once', async () => {
    await runner.app.close();
    const child = forkRunner(processes.variables, 60);
    children.push(child);
    await once(child, 'message');
    const failed = await make(400, 'failed');
    const id = await slowly(async () => {
      const { data } = await run('job.bulk_retry', { filter: { status: ['failed'] } });
      await eventually(async () => expect((await statuses(failed))['queued']).toBeGreaterThan(30), {
        timeoutMs: 60_000,
        intervalMs: 10,
      });
      child.kill('SIGKILL');
      await once(child, 'exit');
      expect((await statuses(failed))['failed']).toBeGreaterThan(0);
      return data.execution_id;
    });
    await processes.start({ modules: [OperationsModule] });
    // As when the killed one has said nothing for so long.
    await processes.database.query('UPDATE executions SET lease_until = now() WHERE id = $1', [id]);
    const { status, result } = await ended(id);
    expect([status, result.requested, result.retried]).toEqual(['succeeded', 400, 400]);
    expect(await statuses(failed)).toEqual({ queued: 400 });
    expect(await events(failed, 'job.retried')).toEqual([400, 400]);
  });
});
