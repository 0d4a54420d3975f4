import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Logger, Module } from '@nestjs/common';
import { Client } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import type { Scope } from '../../src/pipeline/access/permissions';
import { ClaimLost } from '../../src/pipeline/executions/lease-keeper';
import { ExecutionSweeper } from '../../src/pipeline/executions/execution-sweeper.manager';
import { ExecutionTiming } from '../../src/pipeline/executions/timing';
import { PipelineModule } from '../../src/pipeline/pipeline.module';
import { PipelineHttpModule } from '../../src/pipeline/http/pipeline-http.module';
import type { ExecutionView } from '../../src/pipeline/http/status.dto';
import { StatusReader } from '../../src/pipeline/http/status-reader';
import { OperationAborts } from '../../src/pipeline/operations/operation-aborts';
import { OperationQueue } from '../../src/pipeline/operations/operation-queue';
import { OperationRunner } from '../../src/pipeline/operations/operation-runner';
import { OperationStore } from '../../src/pipeline/operations/operation-store';
import { OperationsModule } from '../../src/pipeline/operations/operations.module';
import { ActionRunner } from '../../src/pipeline/pipeline';
import { LiveFeed } from '../../src/platform/feed/live-feed';
import { MessageBus } from '../../src/platform/messages/message-bus';
import type { Actor, Role } from '../../src/platform/security/roles';
import { currentTrace } from '../../src/platform/telemetry/trace-scope';
import { CutableWay } from '../support/cutable-way';
import { eventually } from '../support/eventually';
import { COUNTED, CountingCategory, StubbornHandler } from '../support/operations/counting.category';
import { type AuditRow } from '../support/pipeline';
import { processesOf, type TestProcess, type TestProcesses } from '../support/processes';
import { makeUser } from '../support/users';
import { forkRunner } from '../support/operations/runner-fork';

@Module({ imports: [CountingCategory, PipelineModule, PipelineHttpModule], providers: [ExecutionSweeper] })
class ApiWithSweeper {}

/** How long a runner's claim lasts in these tests, in seconds: no stall of a busy machine ends it. See {@link runsOut}. */
const LEASE_S = 60;

let processes: TestProcesses;
let api: TestProcess;
let admin: Actor;
let reader: Actor;
const children: ChildProcess[] = [];
const runners: TestProcess[] = [];

beforeAll(async () => {
  processes = await processesOf([ApiWithSweeper]);
  api = await processes.start();
  Logger.overrideLogger(false);
  await processes.database.query(COUNTED);
  await processes.database.query('GRANT ALL ON counted TO PUBLIC');
  admin = await actor('admin');
  reader = await actor('readonly');
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
  for (const runner of runners.splice(0)) await runner.app.close();
});
afterAll(() => processes?.close());

async function actor(role: Role): Promise<Actor> {
  const user = await makeUser(processes.database, role);
  return { userId: user.id, email: user.email, role, sessionId: uuidv7() };
}

/** A real process that runs operations. */
async function spawnRunner(): Promise<ChildProcess> {
  const child = forkRunner(processes.variables, LEASE_S);
  children.push(child);
  await once(child, 'message');
  return child;
}

/** A process within the test that runs operations. */
async function startRunner(variables = {}): Promise<TestProcess> {
  const runner = await processes.start({ modules: [OperationsModule], variables });
  Logger.overrideLogger(false);
  Object.assign(runner.get(ExecutionTiming), { operationLeaseS: LEASE_S });
  runners.push(runner);
  return runner;
}

interface Answer {
  status: number;
  body: { data?: Record<string, unknown>; error_code?: string; execution_id: string; trace_id: string };
}
async function run(
  action: string,
  payload: object,
  by = admin,
  options: object = {},
  scope: Scope = 'any',
): Promise<Answer> {
  const { status, body } = await api.get(ActionRunner).run(action, payload, {
    actor: by,
    origin: { traceId: uuidv7(), ip: '127.0.0.1', userAgent: 'test' },
    rawHeaders: [],
    options,
    bodyErrors: [],
    scope,
    startedAt: performance.now(),
  });
  return { status, body: JSON.parse(body.toString('utf8')) as Answer['body'] };
}
const count = async (items: number, pauseMs: number, by = admin): Promise<string> =>
  (await run('test.count', { items, pause_ms: pauseMs }, by)).body.execution_id;

async function execution(id: string): Promise<ExecutionView> {
  const view = await api.get(StatusReader).find(admin, id);
  if (!view) throw new Error(`There is no execution ${id}`);
  return view;
}
/** Waits for the end; looks after what was lost meanwhile, as a manager does. */
const ended = (id: string): Promise<ExecutionView> =>
  eventually(
    async () => {
      await api.get(ExecutionSweeper).run({ fence: 1, signal: new AbortController().signal });
      const view = await execution(id);
      expect(view.status).not.toBe('running');
      return view;
    },
    { timeoutMs: 20_000, intervalMs: 200 },
  );
/** Ends the claim of the first runner, which is not heard of any more; resolves when another one has taken it over. */
const runsOut = (id: string) =>
  eventually(
    async () => {
      // Again and again: what the dead process had sent to Postgres may still renew it.
      await processes.database.query(
        `UPDATE executions SET lease_until = now() - interval '2 s' WHERE id = $1 AND status = 'running' AND attempts = 1`,
        [id],
      );
      await api.get(ExecutionSweeper).run({ fence: 1, signal: new AbortController().signal });
      expect((await execution(id)).attempts).toBe(2);
    },
    { timeoutMs: 20_000 },
  );
/** Stops a process where it is, but not between its last statement and its commit: what it has locked would stay so. */
async function freeze(child: ChildProcess, id: string): Promise<void> {
  for (;;) {
    child.kill('SIGSTOP');
    await delay(50);
    try {
      await processes.database.query('SELECT FROM executions WHERE id = $1 FOR UPDATE NOWAIT', [id]);
      return;
    } catch {
      child.kill('SIGCONT');
      await delay(20);
    }
  }
}
const counted = (id: string) =>
  processes.database.query<{ item: number; pid: number }>(
    'SELECT item, pid FROM counted WHERE execution_id = $1 AND item >= 0 ORDER BY item',
    [id],
  );
const isUnderWay = (id: string, items = 1) =>
  eventually(async () => expect((await counted(id)).length).toBeGreaterThanOrEqual(items), {
    timeoutMs: 10_000,
    intervalMs: 10,
  });
const outcomes = (id: string) =>
  processes.database.query<AuditRow>(
    `SELECT outcome, detail, error_code FROM audit_entries WHERE execution_id = $1 AND phase = 'outcome'`,
    [id],
  );
const numbers = (upTo: number): number[] => Array.from({ length: upTo }, (_, i) => i);

/** What subscribers are told of an execution from now on. */
async function listen(id: () => string): Promise<Record<string, unknown>[]> {
  const told: Record<string, unknown>[] = [];
  await api.get(LiveFeed).listen(({ topic, json }) => {
    const event = JSON.parse(json) as Record<string, unknown>;
    if (topic === 'executions' && event['execution_id'] === id()) told.push(event);
  });
  return told;
}

describe('a process that runs an operation', () => {
  it('may be killed: another one goes on where it was, and nothing is done twice', async () => {
    const first = await spawnRunner();
    const id = await count(80, 50);
    await isUnderWay(id, 5);
    first.kill('SIGKILL');
    await once(first, 'exit');
    const second = await spawnRunner();
    const before = await counted(id);
    await runsOut(id);
    expect(await ended(id)).toMatchObject({ status: 'succeeded', result: { items: 80 }, attempts: 2 });
    const items = await counted(id);
    expect(items.map(({ item }) => item)).toEqual(numbers(80));
    expect(items.filter(({ pid }) => pid === first.pid)).toEqual(before);
    expect(items.filter(({ pid }) => pid === second.pid).length).toBeGreaterThan(0);
    expect(await outcomes(id)).toMatchObject([{ outcome: 'succeeded' }]);
  });

  it('works under the trace id of the request that asked for it', async () => {
    await startRunner();
    let seen: string | undefined;
    jest.spyOn(StubbornHandler.prototype, 'execute').mockImplementationOnce(() => {
      seen = currentTrace()?.traceId;
      return Promise.resolve({});
    });
    const { body } = await run('test.stubborn', {});
    expect(await ended(body.execution_id)).toMatchObject({ status: 'succeeded', trace_id: body.trace_id });
    expect(seen).toBe(body.trace_id);
  });

  it('may freeze: when it wakes up, it changes nothing any more', async () => {
    const frozen = await spawnRunner();
    const id = await count(30, 100);
    await isUnderWay(id, 3);
    await freeze(frozen, id);
    const other = await spawnRunner();
    await runsOut(id);
    await eventually(
      async () => {
        await api.get(ExecutionSweeper).run({ fence: 1, signal: new AbortController().signal });
        expect((await counted(id)).filter(({ pid }) => pid === other.pid).length).toBeGreaterThan(2);
      },
      { timeoutMs: 20_000 },
    );
    frozen.kill('SIGCONT');
    expect(await ended(id)).toMatchObject({ status: 'succeeded' });
    const items = await counted(id);
    expect(items.map(({ item }) => item)).toEqual(numbers(30));
    // Of the other, from its first on: the frozen one did nothing in between.
    const from = items.findIndex(({ pid }) => pid === other.pid);
    expect(new Set(items.slice(from).map(({ pid }) => pid))).toEqual(new Set([other.pid]));
    expect(await outcomes(id)).toMatchObject([{ outcome: 'succeeded' }]);
  });

  it('may stop: it gives back what it runs, and that is no failed attempt', async () => {
    const first = await startRunner();
    const id = await count(20, 50);
    await isUnderWay(id, 2);
    await first.app.close();
    const before = await execution(id);
    expect(before).toMatchObject({ status: 'running', attempts: 0 });
    await startRunner();
    expect(await ended(id)).toMatchObject({ status: 'succeeded', attempts: 1 });
    expect((await counted(id)).map(({ item }) => item)).toEqual(numbers(20));
  });

  it('may stop without Redis, and gives it back all the same', async () => {
    const url = new URL(processes.redis.url);
    const way = await CutableWay.to(Number(url.port));
    url.port = String(way.port);
    try {
      const first = await startRunner({ REDIS_URL: url.toString() });
      const id = await count(20, 50);
      await isUnderWay(id, 2);
      way.open = false;
      await first.app.close();
      expect(await execution(id)).toMatchObject({ status: 'running', attempts: 0 });
      const done = (await counted(id)).length;
      expect(done).toBeLessThan(20);
      await startRunner();
      expect(await ended(id)).toMatchObject({ status: 'succeeded', attempts: 1 });
      expect((await counted(id)).map(({ item }) => item)).toEqual(numbers(20));
    } finally {
      way.close();
    }
  });

  it('may stop while it takes one: it does not begin with that any more, and gives it back', async () => {
    const id = await count(3, 1);
    const client = new Client({ connectionString: processes.database.ownerUrl });
    await client.connect();
    try {
      await client.query('BEGIN');
      await client.query('SELECT FROM executions WHERE id = $1 FOR UPDATE', [id]);
      const { app, get } = await startRunner();
      const waiting = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
      await eventually(async () => expect(await processes.database.query(waiting)).toHaveLength(1));
      const stop = jest.spyOn(get(OperationRunner), 'stop');
      const closed = app.close();
      await eventually(() => expect(stop).toHaveBeenCalled(), { intervalMs: 5 });
      await client.query('COMMIT');
      await closed;
    } finally {
      await client.end();
    }
    expect(await execution(id)).toMatchObject({ status: 'running', attempts: 0 });
    expect(await counted(id)).toEqual([]);
    await startRunner();
    expect(await ended(id)).toMatchObject({ status: 'succeeded', attempts: 1 });
  });

  it('may lose Postgres: the operation goes on when that is back, and has not failed', async () => {
    const { get } = await startRunner();
    const id = await count(20, 50);
    await isUnderWay(id, 2);
    // In the middle of a transaction for sure: it takes most of the time.
    await processes.database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND usename = 'agentos_app'`,
    );
    await eventually(() => expect(get(OperationRunner)['running'].size).toBe(0));
    await runsOut(id);
    expect(await ended(id)).toMatchObject({ status: 'succeeded', attempts: 2 });
    expect((await counted(id)).map(({ item }) => item)).toEqual(numbers(20));
    expect(await outcomes(id)).toMatchObject([{ outcome: 'succeeded' }]);
  });

  it('can write nothing of an operation any more that another one has taken over', async () => {
    const id = await count(3, 1);
    const store = api.get(OperationStore);
    const report = { done: 0, not_done: 3 };
    const first = await store.take(id, 0);
    const second = await store.take(id, 30);
    if (!first || !second) throw new Error('The operation could not be taken');
    expect(await store.take(id, 30)).toBeUndefined();
    expect(await store.beat(first.claim, 30, { done: 2 })).toBeUndefined();
    await expect(store.saveCheckpoint(first.claim, { next: 2 })).rejects.toThrow(ClaimLost);
    await store.release(first.claim);
    expect(await store.closeAborted(id, report, first.claim.fence)).toBe(false);
    expect(await store.closeAborted(id, report)).toBe(false);
    expect(await execution(id)).toMatchObject({ status: 'running', attempts: 2, progress: { done: 0 } });
    expect(await store.beat(second.claim, 30, { done: 1 })).toEqual({ abortRequested: false });
    expect(await store.closeAborted(id, report, second.claim.fence)).toBe(true);
  });

  it('is the only one, however often it is told', async () => {
    await Promise.all([startRunner(), startRunner()]);
    const id = await count(10, 20);
    const queue = api.get(OperationQueue);
    await Promise.all(numbers(20).map((fence) => queue.add(id, fence)));
    expect(await ended(id)).toMatchObject({ status: 'succeeded', attempts: 1 });
    expect((await counted(id)).map(({ item }) => item)).toEqual(numbers(10));
    expect(await outcomes(id)).toHaveLength(1);
  });

  it('is not given what has killed too many', async () => {
    const id = await count(3, 1);
    await processes.database.query('UPDATE executions SET attempts = 5 WHERE id = $1', [id]);
    await startRunner();
    expect(await ended(id)).toMatchObject({ status: 'failed', error_code: 'INTERNAL_ERROR' });
    expect(await counted(id)).toEqual([]);
  });
});

describe('what an operation is told of its run', () => {
  it('is what it was asked for with: by whom, on whose things alone, why, and in which trace', async () => {
    await startRunner();
    const user = await actor('user');
    const own = (await run('test.tell', {}, user, { reason: 'because' }, 'own')).body;
    expect(await ended(own.execution_id)).toMatchObject({
      status: 'succeeded',
      result: { ownerId: user.userId, userId: user.userId, reason: 'because', traceId: own.trace_id },
    });
    const any = (await run('test.tell', {})).body;
    const { result } = await ended(any.execution_id);
    expect(result).toEqual({ userId: admin.userId, traceId: any.trace_id });
  });
});

describe('progress', () => {
  it('is told at least once a second, however quiet the operation is', async () => {
    await startRunner();
    let id = '';
    const told = await listen(() => id);
    id = (await run('test.deaf', {})).body.execution_id;
    await eventually(() => expect(told.filter(({ progress }) => progress).length).toBeGreaterThanOrEqual(3), {
      timeoutMs: 10_000,
    });
    await processes.database.query('INSERT INTO counted VALUES ($1, -1, 0)', [id]);
    await ended(id);
  });

  it('is told at most twice a second, and in the end as it is', async () => {
    await startRunner();
    let id = '';
    const told = await listen(() => id);
    const startedAt = performance.now();
    id = await count(300, 2);
    await ended(id);
    await eventually(() => expect(told.at(-1)).toMatchObject({ status: 'succeeded' }));
    const steps = told.filter(({ progress }) => progress);
    expect(steps.length).toBeLessThanOrEqual((performance.now() - startedAt) / 500 + 2);
    expect(steps.at(-1)).toMatchObject({ progress: { done: 300, total: 300 } });
    expect((await execution(id)).progress).toMatchObject({ done: 300 });
  });
});

describe('an operation that is to stop', () => {
  const abort = (id: string, by = admin) => run('system.abort_operation', { execution_id: id }, by);

  it.each([
    ['by a message', false],
    ['by its own look, when the message was lost', true],
  ])(
    'hears of it %s, and says what is done and what is not',
    async (_how, lost) => {
      await startRunner();
      if (lost) jest.spyOn(api.get(MessageBus), 'publish').mockResolvedValue(undefined);
      let id = '';
      const told = await listen(() => id);
      id = await count(500, 20);
      await isUnderWay(id, 2);
      const askedAt = performance.now();
      const answer = await api.get(OperationAborts).abort(id, admin.userId);
      const waitedMs = performance.now() - askedAt;
      jest.restoreAllMocks();
      const view = await ended(id);
      const done = (await counted(id)).length;
      const report = { done, not_done: 500 - done };
      // On a machine that stood still for longer than an answer is waited for, it has only been told.
      const inTime = answer.status !== 'aborting' || waitedMs < 3_000;
      const end = inTime ? { status: 'aborted', result: report } : { status: 'aborting', result: null };
      expect(answer).toEqual({ execution_id: id, action: 'test.count', ...end });
      expect(view).toMatchObject({ status: 'aborted', result: report, error_code: 'OPERATION_ABORTED' });
      expect(view.abort_requested_at).not.toBeNull();
      expect(await outcomes(id)).toMatchObject([{ outcome: 'aborted', detail: report }]);
      await eventually(() => expect(told.at(-1)).toMatchObject({ status: 'aborted', result: report }));
      await delay(100);
      expect(await counted(id)).toHaveLength(done);
    },
    30_000,
  );

  it('is closed at once if nobody runs it yet, and is never run', async () => {
    const id = await count(3, 1);
    const { body } = await abort(id);
    expect(body.data).toMatchObject({ status: 'aborted', result: { done: 0, not_done: null } });
    expect(await outcomes(id)).toMatchObject([{ outcome: 'aborted' }]);
    const { get } = await startRunner();
    await get(OperationQueue).add(id, 99);
    await ended(await count(1, 1));
    expect(await counted(id)).toEqual([]);
  });

  it('is not begun again when its process died before it could stop', async () => {
    const first = await spawnRunner();
    const id = await count(200, 20);
    await isUnderWay(id, 3);
    await freeze(first, id);
    expect((await abort(id)).body.data).toMatchObject({ status: 'aborting', result: null });
    first.kill('SIGKILL');
    await once(first, 'exit');
    await startRunner();
    const done = (await counted(id)).length;
    await runsOut(id);
    expect(await ended(id)).toMatchObject({ status: 'aborted' });
    expect(await counted(id)).toHaveLength(done);
  });

  it('tells whoever waits for it', async () => {
    await startRunner();
    const patient = await actor('admin');
    const waiting = run('test.count', { items: 500, pause_ms: 20 }, patient, { wait_ms: 20_000 });
    const id = await eventually(async () => {
      const [row] = await processes.database.query<{ id: string }>(
        'SELECT id FROM executions WHERE actor_id = $1',
        [patient.userId],
      );
      if (!row) throw new Error('It has not begun');
      return row.id;
    });
    await isUnderWay(id);
    await abort(id);
    expect(await waiting).toMatchObject({ status: 409, body: { error_code: 'OPERATION_ABORTED' } });
  });

  it('has succeeded if it has done all of its work all the same', async () => {
    await startRunner();
    const id = (await run('test.deaf', {})).body.execution_id;
    await eventually(async () => expect((await execution(id)).attempts).toBe(1));
    const answer = await abort(id);
    expect(answer.body.data).toMatchObject({ status: 'aborting' });
    await processes.database.query('INSERT INTO counted VALUES ($1, -1, 0)', [id]);
    expect(await ended(id)).toMatchObject({ status: 'succeeded' });
    const late = await abort(id);
    expect([late.status, late.body.error_code]).toEqual([409, 'EXECUTION_FINISHED']);
  });

  it('is stopped by whoever started it, and else by those who hold the permission', async () => {
    const [theirs, mine] = [await count(3, 1, admin), await count(3, 1, reader)];
    const denied = await abort(theirs, reader);
    expect([denied.status, denied.body.error_code]).toEqual([404, 'EXECUTION_NOT_FOUND']);
    expect((await execution(theirs)).abort_requested_at).toBeNull();
    expect((await abort(mine, reader)).status).toBe(200);
    expect((await abort(theirs, await actor('operator'))).status).toBe(200);
  });

  it('is refused where nothing can be stopped', async () => {
    const stubborn = (await run('test.stubborn', {})).body.execution_id;
    const running = uuidv7();
    await processes.database.query(
      `INSERT INTO executions (id, action, kind, actor_id, status, fingerprint, payload, lease_until, trace_id)
       VALUES ($1, 'system.abort_operation', 'act', $2, 'running', '', '{}', now() + interval '1 minute', 'test')`,
      [running, admin.userId],
    );
    for (const id of [stubborn, running]) {
      const answer = await abort(id);
      expect([answer.status, answer.body.error_code]).toEqual([409, 'NOT_ABORTABLE']);
    }
    expect((await abort(uuidv7())).body.error_code).toBe('EXECUTION_NOT_FOUND');
  });
});
