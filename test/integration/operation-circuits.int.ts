import { Logger, Module } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { CircuitStore } from '../../src/pipeline/breaker/circuit-store';
import type { ActionContext } from '../../src/pipeline/catalogue/action-command';
import { ExecutionTiming } from '../../src/pipeline/executions/timing';
import { ExecutionSweeper } from '../../src/pipeline/executions/execution-sweeper.manager';
import { OperationAborts } from '../../src/pipeline/operations/operation-aborts';
import { OperationsModule } from '../../src/pipeline/operations/operations.module';
import { ActionRunner } from '../../src/pipeline/pipeline';
import { PipelineModule } from '../../src/pipeline/pipeline.module';
import { AppError } from '../../src/platform/errors/app-error';
import type { Actor } from '../../src/platform/security/roles';
import { RuntimeSettings } from '../../src/platform/settings/runtime-settings';
import { CallingCategory, Stub } from '../support/calling.category';
import { eventually } from '../support/eventually';
import { processesOf, type TestProcess, type TestProcesses } from '../support/processes';
import { makeUser } from '../support/users';

@Module({ imports: [CallingCategory, PipelineModule], providers: [ExecutionSweeper] })
class Api {}

const RULES = { volume: 3, slow_call_ms: 50, open_ms: 300, max_open_ms: 300, probe_ms: 3_000 };

const CALL_TIMEOUT_MS = 2_500;

let processes: TestProcesses;
let api: TestProcess;
let runner: TestProcess;
let actor: Actor;

beforeAll(async () => {
  processes = await processesOf([Api], { settings: { circuit_breaker: RULES } });
  api = await processes.start();
  // Before the first call: that is when it is read.
  Object.assign(api.get(ExecutionTiming), { callTimeoutMs: CALL_TIMEOUT_MS });
  runner = await processes.start({ modules: [OperationsModule] });
  // The failures of these tests are meant.
  Logger.overrideLogger(false);
  const user = await makeUser(processes.database, 'admin');
  actor = { userId: user.id, email: user.email, role: 'admin', sessionId: uuidv7() };
});
afterAll(() => processes?.close());

/** Begins anew with a closed circuit, as an operator does. */
beforeEach(async () => {
  for (const state of ['closed', null] as const) {
    await force(state);
    await eventually(async () => expect((await circuit()).forced).toBe(state), { intervalMs: 10 });
  }
  for (const process of [api, runner])
    await eventually(() => expect(forcedAt(process)).toBeNull(), { intervalMs: 10 });
});

const force = (storage: 'open' | 'closed' | null) =>
  api.get(RuntimeSettings).update({ circuit_breaker: { forced: { storage } } }, { authorId: actor.userId });
const forcedAt = (process: TestProcess) =>
  process.get(RuntimeSettings).current().circuit_breaker.forced.storage;

async function circuit() {
  const [storage] = await api.get(CircuitStore).states(['storage']);
  if (!storage) throw new Error('There is no circuit');
  return storage;
}
const stateIs = (state: string) =>
  eventually(async () => expect((await circuit()).state).toBe(state), { intervalMs: 10 });

function behave(answer: Stub['answer']): Stub {
  return Object.assign(runner.get(Stub), { answer, calls: 0 });
}
const diskError = () => Object.assign(new Error('input/output error'), { code: 'EIO' });
const away = () => Promise.reject(diskError());
const after = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

async function ask(options: object = {}): Promise<{ code: string; id: string }> {
  const { body } = await api.get(ActionRunner).run(
    'test.store_much',
    {},
    {
      actor,
      origin: { traceId: uuidv7(), ip: '127.0.0.1', userAgent: 'test' },
      rawHeaders: [],
      options,
      bodyErrors: [],
      scope: 'any',
      startedAt: performance.now(),
    },
  );
  const answer = JSON.parse(body.toString('utf8')) as { error_code?: string; execution_id: string };
  return { code: answer.error_code ?? 'accepted', id: answer.execution_id };
}
async function statusOf(id: string): Promise<string | undefined> {
  const sql = 'SELECT status FROM executions WHERE id = $1';
  return (await processes.database.query<{ status: string }>(sql, [id]))[0]?.status;
}
/** Waits for the end; puts back into the queue what waits, as a manager does. */
const endsAs = (id: string, status: string) =>
  eventually(
    async () => {
      await api.get(ExecutionSweeper).run({ fence: 1, signal: new AbortController().signal });
      expect(await statusOf(id)).toBe(status);
    },
    { timeoutMs: 10_000, intervalMs: 100 },
  );
/** Runs operations until the circuit is open. */
async function trip(): Promise<void> {
  behave(away);
  for (let i = 0; i < RULES.volume; i++) await endsAs((await ask()).id, 'failed');
  await stateIs('open');
}

describe('the run of an operation', () => {
  it('counts for the circuits of its action, and being accepted does not', async () => {
    behave(away);
    await endsAs((await ask()).id, 'failed');
    expect((await circuit()).state).toBe('closed');
    for (let i = 1; i < RULES.volume; i++) await endsAs((await ask()).id, 'failed');
    await stateIs('open');
    const refused = await eventually(async () => {
      const answer = await ask();
      expect(answer.code).toBe('CIRCUIT_OPEN');
      return answer;
    });
    expect(await statusOf(refused.id)).toBe('failed');
  });

  it('may take its time, be wrong, or be stopped, and none of that opens anything', async () => {
    behave(() => after(RULES.slow_call_ms * 2));
    for (let i = 0; i < RULES.volume * 2; i++) await endsAs((await ask()).id, 'succeeded');
    behave(() => Promise.reject(new AppError('JOB_NOT_FOUND')));
    for (let i = 0; i < RULES.volume * 2; i++) await endsAs((await ask()).id, 'failed');
    const told = ({ signal }: ActionContext): Promise<void> =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(diskError())));
    const stub = behave(told);
    for (let i = 0; i < RULES.volume; i++) {
      const { id } = await ask();
      await eventually(() => expect(stub.calls).toBe(i + 1));
      await api.get(OperationAborts).abort(id, actor.userId);
      await endsAs(id, 'aborted');
    }
    await after(150);
    expect(await circuit()).toMatchObject({ state: 'closed', trips: 0 });
  });

  it('may be waited for beyond the time of a call', async () => {
    behave(() => after(CALL_TIMEOUT_MS + 500));
    const { code, id } = await ask({ wait_ms: 10_000 });
    expect([code, await statusOf(id)]).toEqual(['accepted', 'succeeded']);
  });

  it('is the probe when the rest of a circuit is over, and only that brings it back', async () => {
    await trip();
    const stub = behave(() => Promise.resolve());
    // Accepted as soon as its rest is over; that alone brings nothing back.
    const { id } = await eventually(async () => {
      const answer = await ask();
      expect(answer.code).toBe('accepted');
      return answer;
    });
    await endsAs(id, 'succeeded');
    expect(stub.calls).toBe(1);
    await stateIs('closed');
  });

  it('as the probe brings it back with its first progress, and lets the next one try if nothing is heard', async () => {
    await trip();
    let finish: () => void = () => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const silent = behave(() => finished);
    const accepted = () =>
      eventually(async () => {
        const answer = await ask();
        expect(answer.code).toBe('accepted');
        return answer.id;
      });
    const first = await accepted();
    await eventually(() => expect(silent.calls).toBe(1));
    expect((await circuit()).state).toBe('probing');
    const telling = behave(({ progress }) => {
      progress({ done: 1 });
      return finished;
    });
    const second = await accepted();
    await eventually(
      async () => {
        await api.get(ExecutionSweeper).run({ fence: 1, signal: new AbortController().signal });
        expect(telling.calls).toBe(1);
      },
      { timeoutMs: 10_000 },
    );
    await stateIs('closed');
    expect([await statusOf(first), await statusOf(second)]).toEqual(['running', 'running']);
    finish();
    await endsAs(first, 'succeeded');
    await endsAs(second, 'succeeded');
    expect(await circuit()).toMatchObject({ state: 'closed', trips: 0 });
  });

  it('goes back into its queue while an operator holds the circuit open', async () => {
    const stub = behave(() => Promise.resolve());
    const { id } = await ask();
    await endsAs(id, 'succeeded');
    await force('open');
    await eventually(() => expect(forcedAt(runner)).toBe('open'));
    // As if it had been accepted just before.
    await processes.database.query(
      `UPDATE executions SET status = 'running', finished_at = NULL, lease_until = now() - interval '2 s' WHERE id = $1`,
      [id],
    );
    const fence = () =>
      processes.database.query<{ fence: number; attempts: number }>(
        'SELECT fence, attempts FROM executions WHERE id = $1',
        [id],
      );
    const [before] = await fence();
    await eventually(
      async () => {
        await api.get(ExecutionSweeper).run({ fence: 1, signal: new AbortController().signal });
        // In one look, as it may be taken and given back again and again: an attempt counts while it is taken.
        const [now] = await fence();
        expect(now?.fence).toBeGreaterThan((before?.fence ?? 0) + 1);
        expect(now?.attempts).toBe(before?.attempts);
      },
      { timeoutMs: 10_000 },
    );
    expect(stub.calls).toBe(1);
    await force(null);
    await endsAs(id, 'succeeded');
    expect(stub.calls).toBe(2);
  });
});
