import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Logger, Module } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { JobsCategory } from '../../src/categories/jobs/jobs.module';
import { QueueCategory } from '../../src/categories/queue/queue.module';
import { QueueAdmin } from '../../src/media/flow/queues/queue-admin.service';
import { StepDispatch } from '../../src/media/flow/step-dispatch';
import { StepQueues } from '../../src/media/flow/queues/step-queues';
import { ExecutionSweeper } from '../../src/pipeline/executions/execution-sweeper.manager';
import { ExecutionTiming } from '../../src/pipeline/executions/timing';
import { OperationsModule } from '../../src/pipeline/operations/operations.module';
import { ActionRunner } from '../../src/pipeline/pipeline';
import { PipelineModule } from '../../src/pipeline/pipeline.module';
import type { Actor } from '../../src/platform/security/roles';
import { CutableWay } from '../support/cutable-way';
import { eventually } from '../support/eventually';
import { manyJobs } from '../support/jobs-of-a-kind';
import { processesOf, type TestProcess, type TestProcesses } from '../support/processes';
import { makeUser } from '../support/users';
import { runAction } from '../support/run-action';
import { forkRunner } from '../support/operations/runner-fork';

@Module({ imports: [JobsCategory, QueueCategory, PipelineModule], providers: [ExecutionSweeper] })
class Api {}

/** How long a runner's claim lasts, in seconds: no stall of a busy machine ends it. That of the killed one is ended by hand. */
const LEASE_S = 60;
/** So many jobs are cancelled in bulk that some are left when its chunks have gone on through a wait for Redis or two. */
const CHOSEN = 400;
/**
 * Stops a clearing and a bulk cancellation in the midst of a chunk, and a purge between what it did and its saying so,
 * until `held` is empty.
 */
const OBSTACLES = `
CREATE TABLE held AS SELECT unnest(ARRAY['clear', 'cancel', 'purge']) AS what;
CREATE SEQUENCE changed_clear;
CREATE SEQUENCE changed_cancel;
CREATE FUNCTION halfway() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  action text := CASE WHEN NEW.cancel_reason LIKE '%with many others%' THEN 'cancel' ELSE 'clear' END;
BEGIN
  IF nextval('changed_' || action) = 60 THEN
    WHILE EXISTS (SELECT FROM held WHERE what = action) LOOP PERFORM pg_sleep(0.02); END LOOP;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER halfway BEFORE UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION halfway();
CREATE FUNCTION unsaved() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF NEW.checkpoint #>> '{done,0,removed_entries}' <> '0' AND EXISTS (SELECT FROM held WHERE what = 'purge') THEN
    WHILE EXISTS (SELECT FROM held WHERE what = 'purge') LOOP PERFORM pg_sleep(0.02); END LOOP;
    RAISE EXCEPTION 'Its process is gone';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER unsaved BEFORE UPDATE ON executions FOR EACH ROW EXECUTE FUNCTION unsaved()`;

describe('a process that is killed while it clears, purges and drains queues, and cancels in bulk', () => {
  let processes: TestProcesses;
  let api: TestProcess;
  let actor: Actor;
  let way: CutableWay;
  let child: ChildProcess;

  beforeAll(async () => {
    processes = await processesOf([Api]);
    api = await processes.start();
    Logger.overrideLogger(false);
    const user = await makeUser(processes.database, 'admin');
    actor = { userId: user.id, email: user.email, role: 'admin', sessionId: uuidv7() };
    const redis = new URL(processes.redis.url);
    way = await CutableWay.to(Number(redis.port));
    redis.port = String(way.port);
    child = forkRunner(
      { ...processes.variables, REDIS_URL: redis.href, OPERATIONS_CONCURRENCY: '4' },
      LEASE_S,
    );
    await once(child, 'message');
  });
  afterAll(async () => {
    child?.kill('SIGKILL');
    way?.close();
    await processes?.close();
  });

  const rows = <T>(sql: string, params: unknown[] = []) => processes.database.query<T>(sql, params);
  const make = (count: number, kind: Parameters<typeof manyJobs>[3]) =>
    manyJobs(processes.database, actor.userId, count, kind);
  async function run(action: string, payload: object, options: object) {
    const answer = await runAction(api.get(ActionRunner), actor, action, payload, options);
    const body = JSON.parse(answer.body.toString('utf8')) as { data: Record<string, string> };
    return body.data;
  }
  const preview = async (action: string, payload: object) =>
    (await run(action, payload, { dry_run: true }))['preview_token'];
  const start = async (action: string, payload: object, token?: string) =>
    (await run(action, payload, { preview_token: token }))['execution_id'] ?? '';
  async function dispatched(ids: readonly string[]): Promise<void> {
    for (const id of ids) await api.get(StepDispatch).enqueueJob(id);
  }
  const keyOf = (agent: string, name: string) => api.get(StepQueues).get(agent).toKey(name);
  /** Entries that Bull has kept of steps that ended at a time. */
  async function kept(agent: string, ids: readonly string[], endedAt: number): Promise<void> {
    const call = processes.redis.client.pipeline();
    for (const id of ids) call.hset(keyOf(agent, id), 'name', 'step', 'data', '{}');
    for (const id of ids) call.zadd(keyOf(agent, 'failed'), endedAt, id);
    await call.exec();
  }
  /** Jobs that have failed in a queue. */
  async function failedIn(agent: string, count: number): Promise<string[]> {
    const ids = await make(count, 'failed');
    await moveTo(agent, ids);
    await rows(`UPDATE steps SET finished_at = now() WHERE status = 'failed' AND job_id = ANY($1)`, [ids]);
    return ids;
  }
  /** Moves the steps of jobs that inspect to another agent, so that each of the four has a queue of its own. */
  const moveTo = (agent: string, ids: readonly string[]) =>
    rows(`UPDATE steps SET agent = $1 WHERE agent = 'inspector' AND job_id = ANY($2)`, [agent, ids]);
  const entries = async (agent: string) => (await api.get(StepQueues).counts())[agent]?.waiting ?? 0;
  const inState = async (ids: readonly string[], status: string) =>
    (await rows('SELECT id FROM jobs WHERE status = $1 AND id = ANY($2)', [status, ids])).length;
  const ended = (id: string) =>
    eventually(
      async () => {
        // Again and again: what the killed one had sent to Postgres may still renew it.
        await rows(
          `UPDATE executions SET lease_until = now() - interval '2 s' WHERE status = 'running' AND attempts = 1`,
        );
        await api.get(ExecutionSweeper).run({ fence: 1, signal: new AbortController().signal });
        const [row] = await rows<{ status: string; attempts: number; result: object }>(
          'SELECT status, attempts, result FROM executions WHERE id = $1',
          [id],
        );
        expect(row?.status).not.toBe('running');
        return row;
      },
      { timeoutMs: 25_000, intervalMs: 200 },
    );
  /** What the audit says: each of them was accepted once, and ended once. */
  const audited = (id: string) =>
    rows(`SELECT phase, outcome, detail FROM audit_entries WHERE execution_id = $1 ORDER BY seq`, [id]);

  it('has its work gone on with: nothing is lost, done twice or touched that no preview froze', async () => {
    const waiting = await make(150, 'waiting');
    await dispatched(waiting);
    const chosen = await make(CHOSEN, 'waiting');
    await moveTo('scene-detector', chosen);
    await dispatched(chosen);
    const failed = await failedIn('captioner', 30);
    const old = Array.from({ length: 200 }, () => uuidv7());
    await kept('captioner', old, Date.now() - 1_000);
    const draining = [...(await make(3, 'waiting')), ...(await make(2, 'running'))];
    await moveTo('normaliser', draining);
    const clear = await preview('queue.clear', { queue: 'inspector' });
    const purge = await preview('queue.purge', { queue: 'captioner' });
    const many = { job_ids: chosen };
    const cancel = await preview('job.bulk_cancel', many);
    const drain = await preview('queue.drain', { queue: 'normaliser' });

    // What is not as it was shown.
    const added = await make(3, 'waiting');
    await dispatched(added);
    const [moved = '', gone = ''] = waiting;
    await rows(`UPDATE steps SET attempt = 1 WHERE job_id = $1 AND agent = 'inspector'`, [moved]);
    await rows('DELETE FROM jobs WHERE id = $1', [gone]);
    const failedLater = await failedIn('captioner', 4);
    await kept('captioner', [uuidv7(), uuidv7(), uuidv7()], Date.now() + 60_000);
    await rows(OBSTACLES);

    const drained = await start('queue.drain', { queue: 'normaliser' }, drain);
    const since = await eventually(async () => {
      const [row] = await rows<{ since: string }>(
        `SELECT drain_since::text AS since FROM queues WHERE name = 'normaliser' AND drain_since IS NOT NULL`,
      );
      expect(row).toBeDefined();
      return row?.since;
    });
    const held = await make(1, 'waiting');
    await moveTo('normaliser', held);
    const purged = await start('queue.purge', { queue: 'captioner' }, purge);
    // Something is gone from Redis, and nothing of that is on record.
    await eventually(
      async () => expect(await processes.redis.client.zcard(keyOf('captioner', 'failed'))).toBeLessThan(203),
      { timeoutMs: 15_000 },
    );
    const cleared = await start('queue.clear', { queue: 'inspector' }, clear);
    const cancelling = await start('job.bulk_cancel', many, cancel);
    for (const by of ['clear', 'cancel'])
      await eventually(
        async () => expect(await rows(`SELECT last_value AS n FROM changed_${by}`)).toEqual([{ n: 60 }]),
        { timeoutMs: 20_000 },
      );
    way.hold();
    await rows(`DELETE FROM held WHERE what IN ('clear', 'cancel')`);
    // A chunk is cancelled in Postgres whose entries are still in Redis.
    await eventually(async () => {
      const cancelled = await inState(waiting, 'cancelled');
      expect(cancelled).toBeGreaterThanOrEqual(60);
      expect(cancelled + (await entries('inspector'))).toBeGreaterThan(150 + 3);
    });
    // Of this two chunks: it does not wait for the first before it begins with the second.
    await eventually(async () => {
      const left = (await inState(chosen, 'cancelled')) + (await entries('scene-detector')) - CHOSEN;
      expect(left).toBeGreaterThan(40);
    });
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await inState(chosen, 'queued')).toBeGreaterThan(0);
    expect(await inState(waiting, 'queued')).toBeGreaterThan(20);
    // The workers go on meanwhile.
    await rows(
      `UPDATE steps SET status = 'completed', finished_at = now(), lease_until = NULL WHERE agent = 'normaliser' AND job_id = ANY($1)`,
      [draining],
    );
    await rows('DELETE FROM held');

    const second = await processes.start({ modules: [OperationsModule] });
    Logger.overrideLogger(false);
    Object.assign(second.get(ExecutionTiming), { operationLeaseS: LEASE_S });
    const clearing = await ended(cleared);
    const result = {
      queue: 'inspector',
      cancelled_jobs: 148,
      failed_jobs: 0,
      removed_entries: 148,
      since_preview: { added: 3, changed: 1, gone: 1 },
    };
    expect(clearing).toEqual({ status: 'succeeded', attempts: 2, result });
    const untouched = [moved, ...added];
    expect(await inState(waiting, 'cancelled')).toBe(148);
    expect(await inState(untouched, 'queued')).toBe(4);
    const meant = waiting.filter((id) => id !== moved && id !== gone);
    // Those of the moved and the deleted job are no longer of use, and are not its business.
    expect(await entries('inspector')).toBe(3 + 2);

    expect(await ended(cancelling)).toMatchObject({
      status: 'succeeded',
      attempts: 2,
      result: { cancelled: CHOSEN, skipped: 0, failed: 0, since_preview: { added: 0, changed: 0, gone: 0 } },
    });
    expect(await inState(chosen, 'cancelled')).toBe(CHOSEN);
    expect(await entries('scene-detector')).toBe(0);
    const told = await rows<{ job_id: string }>(
      `SELECT job_id FROM system_events WHERE event = 'job.cancelled'`,
    );
    expect(told.map(({ job_id }) => job_id).sort()).toEqual([...meant, ...chosen].sort());

    const purging = await ended(purged);
    expect(purging).toMatchObject({
      status: 'succeeded',
      attempts: 2,
      result: {
        purged: 30,
        removed_entries: 200,
        queues: [{ queue: 'captioner', purged: 30, removed_entries: 200 }],
      },
    });
    expect((await api.get(QueueAdmin).counts())['captioner']).toMatchObject({ failed: 4 });
    expect(await processes.redis.client.zcard(keyOf('captioner', 'failed'))).toBe(3);
    expect(await processes.redis.client.exists(...old.map((id) => keyOf('captioner', id)))).toBe(0);
    expect(await inState([...failed, ...failedLater], 'failed')).toBe(34);

    expect(await ended(drained)).toEqual({
      status: 'succeeded',
      attempts: 2,
      result: { queue: 'normaliser', state: 'drained', finished: 5, left: { waiting: 0, active: 0 } },
    });
    expect(
      await rows(
        `SELECT drain_since::text AS since, drained_at > drain_since AS drained FROM queues WHERE name = 'normaliser'`,
      ),
    ).toEqual([{ since, drained: true }]);
    expect(await inState(held, 'queued')).toBe(1);

    for (const id of [cleared, purged, drained, cancelling])
      expect(await audited(id)).toMatchObject([
        { phase: 'intent' },
        { phase: 'outcome', outcome: 'succeeded' },
      ]);
  });
});
