import { Module } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { JobsCategory } from '../../src/categories/jobs/jobs.module';
import { QueueCategory } from '../../src/categories/queue/queue.module';
import { QueueAdmin } from '../../src/media/flow/queues/queue-admin.service';
import { StepDispatch } from '../../src/media/flow/step-dispatch';
import { StepQueues } from '../../src/media/flow/queues/step-queues';
import { OperationsModule } from '../../src/pipeline/operations/operations.module';
import { ActionRunner } from '../../src/pipeline/pipeline';
import { PipelineModule } from '../../src/pipeline/pipeline.module';
import { RedisService } from '../../src/platform/redis/redis.service';
import type { Actor } from '../../src/platform/security/roles';
import { manyJobs } from '../support/jobs-of-a-kind';
import { processesOf, type TestProcess, type TestProcesses } from '../support/processes';
import { BullBoard } from '../support/bull-board';
import { makeUser } from '../support/users';
import { runAction } from '../support/run-action';

@Module({ imports: [JobsCategory, QueueCategory, PipelineModule, OperationsModule] })
class Api {}

interface Purged {
  purged: number;
  removed_entries: number;
  queues: { queue: string; purged: number }[];
  effects: { target: string; effect: string }[];
  preview_token: string;
  retried: number;
  cancelled_jobs: number;
}

describe('clearing and purging queues', () => {
  let processes: TestProcesses;
  let api: TestProcess;
  let actor: Actor;

  beforeAll(async () => {
    processes = await processesOf([Api]);
    api = await processes.start();
    const user = await makeUser(processes.database, 'admin');
    actor = { userId: user.id, email: user.email, role: 'admin', sessionId: uuidv7() };
  });
  afterAll(() => processes?.close());

  async function run(action: string, payload: object, options: object = { wait_ms: 25_000 }) {
    const answer = await runAction(api.get(ActionRunner), actor, action, payload, options);
    return (JSON.parse(answer.body.toString('utf8')) as { data: Purged }).data;
  }
  /** Jobs that failed so many hours ago. */
  async function failed(count: number, hours: number): Promise<string[]> {
    const ids = await manyJobs(processes.database, actor.userId, count, 'failed');
    for (const table of ['steps', 'jobs'])
      await processes.database.query(
        `UPDATE ${table} SET finished_at = now() - make_interval(hours => $2)
          WHERE status = 'failed' AND ${table === 'jobs' ? 'id' : 'job_id'} = ANY($1)`,
        [ids, hours],
      );
    return ids;
  }
  const counted = async () => (await api.get(QueueAdmin).counts())['inspector']?.failed;
  const statuses = () =>
    processes.database.query('SELECT status, count(*) AS n FROM jobs GROUP BY status ORDER BY status');
  const queue = () => api.get(StepQueues).get('inspector');
  /** Entries that Bull itself has moved to its failed ones, and kept. */
  async function failedInBull(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      const data = { step_id: uuidv7(), job_id: uuidv7(), attempt: 1 };
      await queue().add('step', data, { removeOnFail: false, priority: 5 });
      const entry = await queue().moveToActive();
      await entry?.log('what went wrong');
      await entry?.moveToFailed({ message: 'broken' });
    }
  }

  it('cancels all that waits, each job once, but one that cannot be stored and what came since', async () => {
    const ids = await manyJobs(processes.database, actor.userId, 300, 'waiting');
    await processes.database.query(
      `UPDATE steps SET priority = 1 + abs(hashtext(id::text)) % 10 WHERE status = 'queued'`,
    );
    for (const id of ids) await api.get(StepDispatch).enqueueJob(id);
    const [bad = '', moved = ''] = ids;
    await processes.database.query(
      `ALTER TABLE jobs ADD CONSTRAINT bad CHECK (status <> 'cancelled' OR id <> '${bad}') NOT VALID`,
    );
    const shown = await run('queue.clear', { queue: 'inspector' }, { dry_run: true });
    const later = await manyJobs(processes.database, actor.userId, 2, 'waiting');
    await processes.database.query(`UPDATE steps SET attempt = 1 WHERE job_id = $1 AND status = 'queued'`, [
      moved,
    ]);
    const frozen = await run(
      'queue.clear',
      { queue: 'inspector' },
      { preview_token: shown.preview_token, wait_ms: 25_000 },
    );
    expect(frozen).toMatchObject({
      cancelled_jobs: 298,
      failed_jobs: 1,
      removed_entries: 298,
      since_preview: { added: 2, changed: 1, gone: 0 },
    });
    const all = await run('queue.clear', { queue: 'inspector' });
    expect(all).toMatchObject({ cancelled_jobs: 3, failed_jobs: 1 });
    await processes.database.query('ALTER TABLE jobs DROP CONSTRAINT bad');
    const told = await processes.database.query<{ job_id: string }>(
      `SELECT job_id FROM system_events WHERE event = 'job.cancelled'`,
    );
    const cancelled = [...ids, ...later].filter((id) => id !== bad);
    expect(told.map(({ job_id }) => job_id).sort()).toEqual(cancelled.sort());
    expect(await statuses()).toEqual([
      { status: 'cancelled', n: 301 },
      { status: 'queued', n: 1 },
    ]);
    await processes.database.query('DELETE FROM jobs');
    await queue().empty();
  });

  it('leaves the jobs as they are, what failed since, and what can be retried', async () => {
    const old = await failed(30, 30);
    const fresh = await failed(20, 3);
    await failedInBull(120);
    expect(await queue().getFailedCount()).toBe(120);
    expect(await counted()).toBe(50);

    expect(await run('dashboard.queue_purge', {})).toMatchObject({ purged: 30, removed_entries: 0 });
    expect(await counted()).toBe(20);
    expect(await queue().getFailedCount()).toBe(120);

    const shown = await run('queue.purge', { queue: 'inspector' }, { dry_run: true });
    expect(shown.effects[0]?.effect).toMatch(/^20 entries/);
    const later = await failed(4, 0);
    await failedInBull(2);
    const token = { preview_token: shown.preview_token, wait_ms: 25_000 };
    const purged = await run('queue.purge', { queue: 'inspector' }, token);
    expect(purged).toMatchObject({ purged: 20, removed_entries: 120 });
    expect([await counted(), await queue().getFailedCount()]).toEqual([4, 2]);
    // Nothing is left of what went: hashes and logs are there of the two that are left.
    const { client } = api.get(RedisService);
    const keys = await client.keys(`${queue().toKey('')}[0-9]*`);
    expect(keys).toHaveLength(4);
    expect(await statuses()).toEqual([{ status: 'failed', n: 54 }]);

    const outcome = await run('job.bulk_retry', { job_ids: [...old, ...fresh, ...later] });
    expect(outcome.retried).toBe(54);
    expect(await counted()).toBe(0);
    expect(await queue().getFailedCount()).toBe(2);
  });

  it('are counted as a Bull Board on the same Redis counts them', async () => {
    const queues = ['inspector', 'packager'].map((name) => api.get(StepQueues).get(name));
    const board = new BullBoard(queues);
    const ids = await manyJobs(processes.database, actor.userId, 6, 'waiting');
    await processes.database.query(
      `UPDATE steps SET not_before = now() + interval '1 hour' WHERE job_id = $1 AND status = 'queued'`,
      [ids[5]],
    );
    await processes.database.query(
      `UPDATE steps SET status = 'queued' WHERE agent = 'packager' AND job_id = ANY($1)`,
      [ids.slice(0, 2)],
    );
    for (const id of ids) await api.get(StepDispatch).enqueueJob(id);
    await queue().moveToActive();
    for (const paused of [true, false]) {
      await (paused ? api.get(QueueAdmin).pause('packager') : api.get(QueueAdmin).resume('packager'));
      const [ours, theirs] = [await api.get(StepQueues).counts(), await board.counts()];
      for (const name of ['inspector', 'packager']) {
        const { waiting = 0, paused: held = 0, active, delayed, isPaused } = theirs[name] ?? {};
        expect({ name, waiting: waiting + held, active, delayed, paused: isPaused }).toEqual({
          name,
          ...ours[name],
        });
      }
      expect(ours['packager']).toMatchObject({ paused, waiting: 2 });
      expect(theirs['packager']).toMatchObject(
        paused ? { paused: 2, waiting: 0 } : { paused: 0, waiting: 2 },
      );
    }
    expect((await board.counts())['inspector']).toMatchObject({ active: 1, delayed: 1, failed: 2 });
  });

  it('counts nothing twice when it is done twice', async () => {
    expect(await run('queue.purge', { queue: 'inspector' })).toMatchObject({ purged: 0, removed_entries: 2 });
    expect(await run('queue.purge', { queue: 'inspector' })).toMatchObject({ purged: 0, removed_entries: 0 });
  });
});
