import { setTimeout as delay } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { JobsCategory } from '../../src/categories/jobs/jobs.module';
import { QueueCategory } from '../../src/categories/queue/queue.module';
import { StepQueues } from '../../src/media/flow/queues/step-queues';
import { StepDispatch } from '../../src/media/flow/step-dispatch';
import { StepSweep } from '../../src/media/flow/step-sweep';
import { persist } from '../../src/media/steps/persist';
import { type Attempt, StepSettlement } from '../../src/media/steps/step-settlement';
import { ActionRunner } from '../../src/pipeline/pipeline';
import { PipelineModule } from '../../src/pipeline/pipeline.module';
import type { Actor } from '../../src/platform/security/roles';
import { manyJobs } from '../support/jobs-of-a-kind';
import { Random } from '../nemesis/random';
import { eventually } from '../support/eventually';
import { processesOf, type TestProcess, type TestProcesses } from '../support/processes';
import { type Beside, eachAtOnce, overAndOver, takers } from '../support/races';
import { makeUser } from '../support/users';

@Module({ imports: [JobsCategory, QueueCategory, PipelineModule] })
class Api {}

/** How many of each kind; RACES asks for more, such as 1,000. */
const RACES = Number(process.env['RACES'] ?? 100);
/** Races that go on at the same time. */
const AT_ONCE = 32;
const SEED = Number(process.env['RACES_SEED'] ?? Date.now() % 1_000_000);

interface Answer {
  status: number;
  error_code?: string;
  execution_id: string;
  data?: { status?: string; changed?: boolean };
}

describe(`races (repeat with RACES_SEED=${SEED})`, () => {
  const random = new Random(SEED);
  let processes: TestProcesses;
  let api: TestProcess;
  let other: TestProcess;
  let actor: Actor;
  const beside: Beside[] = [];

  beforeAll(async () => {
    processes = await processesOf([Api]);
    [api, other] = [await processes.start(), await processes.start()];
    const user = await makeUser(processes.database, 'admin');
    actor = { userId: user.id, email: user.email, role: 'admin', sessionId: uuidv7() };
  });
  afterEach(async () => {
    // What goes on beside a test that has failed must not do so beside the next one.
    await Promise.allSettled(beside.splice(0).map((one) => one.stop()));
    await processes.database.query('DELETE FROM jobs');
    await processes.database.query('DELETE FROM queues');
  });
  afterAll(() => processes?.close());

  /** How long an action takes, smoothed, in milliseconds: by it the other side of a race begins sooner or later. */
  let usualMs = 20;
  async function act(action: string, payload: object): Promise<Answer> {
    const startedAt = performance.now();
    const rawHeaders = ['X-Idempotency-Key', uuidv7()];
    for (;;) {
      const answer = await api.get(ActionRunner).run(action, payload, {
        actor,
        origin: { traceId: uuidv7(), ip: '127.0.0.1', userAgent: 'test' },
        rawHeaders,
        options: {},
        bodyErrors: [],
        scope: 'any',
        startedAt,
      });
      usualMs += (performance.now() - startedAt - usualMs) / 20;
      // On a busy machine: nothing was done, and it may be sent again, as callers do.
      if (answer.status === 503) await delay(200);
      else return { ...(JSON.parse(answer.body.toString('utf8')) as Answer), status: answer.status };
    }
  }
  /** Somewhere between the beginning of an action and a while after its end. */
  const sometime = () => delay(random.next() * 1.3 * usualMs);
  const each = <T>(items: readonly T[], race: (item: T) => Promise<void>) => eachAtOnce(items, AT_ONCE, race);
  /** Jobs of one step. */
  async function make(kind: Parameters<typeof manyJobs>[3]): Promise<string[]> {
    const ids = await manyJobs(processes.database, actor.userId, RACES, kind);
    await rows(`DELETE FROM steps WHERE agent = 'packager'`);
    return ids;
  }
  const dispatched = (ids: readonly string[]) => each(ids, (id) => api.get(StepDispatch).enqueueJob(id));
  const rows = <T>(sql: string, params: unknown[] = []) => processes.database.query<T>(sql, params);
  const statuses = async () =>
    Object.fromEntries(
      (
        await rows<{ status: string; n: number }>('SELECT status, count(*) AS n FROM jobs GROUP BY status')
      ).map(({ status, n }) => [status, n]),
    );
  /** The jobs that an event was recorded of, once for each time. */
  const told = async (event: string, ids: readonly string[]) =>
    (
      await rows<{ job_id: string }>(
        'SELECT job_id FROM system_events WHERE event = $1 AND job_id = ANY($2)',
        [event, ids],
      )
    ).map((row) => row.job_id);
  /** How often which answer was given. */
  function codes(answers: readonly Answer[]): Record<string, number> {
    const times: Record<string, number> = {};
    for (const { status, error_code } of answers) {
      const code = error_code ? `${status} ${error_code}` : String(status);
      times[code] = (times[code] ?? 0) + 1;
    }
    return times;
  }
  /** What the audit says of the executions of an action, by id. */
  async function audited(answers: readonly Answer[]): Promise<void> {
    const entries = await rows<{ execution_id: string; phase: string; outcome: string; status: number }>(
      'SELECT execution_id, phase, outcome, status FROM audit_entries WHERE execution_id = ANY($1) ORDER BY seq',
      [answers.map((answer) => answer.execution_id)],
    );
    const outcomes = entries.filter((entry) => entry.phase === 'outcome');
    expect([entries.length, outcomes.length]).toEqual([2 * answers.length, answers.length]);
    const byId = new Map(outcomes.map((entry) => [entry.execution_id, entry]));
    for (const { execution_id, status } of answers)
      expect(byId.get(execution_id)).toMatchObject({
        status,
        outcome: status === 200 ? 'succeeded' : 'failed',
      });
  }
  const settle = (of: Attempt) =>
    other.get(StepSettlement).complete(of, {
      status: 'completed',
      output: {},
      skipReason: null,
      stepKey: 'k',
      artifacts: [],
      clips: undefined,
    });
  function workers(work: (of: Attempt) => Promise<unknown>) {
    const taking = takers(other, work);
    beside.push(taking);
    return taking;
  }
  const finished = () =>
    eventually(async () => expect(await statuses()).toEqual({ completed: RACES }), { timeoutMs: 60_000 });
  const waitingInBull = async () => {
    const counts = Object.values(await api.get(StepQueues).counts());
    return counts.reduce((total, { waiting, active, delayed }) => total + waiting + active + delayed, 0);
  };

  it('of a cancel against the completion of its last step leave one end, and it is that which is recorded', async () => {
    const ids = await make('running');
    const steps = await rows<{ id: string; job_id: string }>('SELECT id, job_id FROM steps');
    const answers = new Map<string, Answer>();
    await each(steps, async ({ id, job_id }) => {
      const cancel = act('job.cancel', { job_id }).then((answer) => answers.set(job_id, answer));
      await sometime();
      await persist(() => settle({ jobId: job_id, stepId: id, attempt: 1 }), 60_000);
      await cancel;
    });
    const jobs = await rows<{ id: string; status: string }>('SELECT id, status FROM jobs');
    for (const { id, status } of jobs) {
      const { status: code, error_code, data } = answers.get(id) ?? { status: 0 };
      expect([id, status, code, error_code]).toEqual(
        code === 200 ? [id, 'cancelled', 200, undefined] : [id, 'completed', 409, 'INVALID_JOB_STATE'],
      );
      // The answer does not wait for ever for the worker to let go of the step.
      expect(['cancelled', 'cancelling', undefined]).toContain(data?.status);
    }
    const { completed = 0, cancelled = 0 } = await statuses();
    expect([completed > 0, cancelled > 0, completed + cancelled]).toEqual([true, true, RACES]);
    const ended = (status: string) => jobs.filter((job) => job.status === status).map(({ id }) => id);
    for (const status of ['completed', 'cancelled'])
      expect((await told(`job.${status}`, ids)).sort()).toEqual(ended(status).sort());
    await audited([...answers.values()]);
  });

  it('of a retry against the dispatcher and workers run each step once', async () => {
    const ids = await make('failed');
    const sweeps = overAndOver(() => other.get(StepSweep).run(new AbortController().signal));
    beside.push(sweeps);
    const taking = workers(settle);
    const answers: Answer[] = [];
    await each(ids, async (job_id) => {
      // Some are asked for twice.
      const times = random.chance(0.2) ? 2 : 1;
      const retries = Array.from({ length: times }, () => act('job.retry', { job_id }));
      await sometime();
      await other.get(StepDispatch).enqueueJob(job_id);
      answers.push(...(await Promise.all(retries)));
    });
    // Before what it leads to: a retry that was refused is not a job that was lost.
    expect(codes(answers)).toEqual({ '200': RACES, '409 INVALID_JOB_STATE': answers.length - RACES });
    await finished();
    await sweeps.stop();
    await taking.stop();
    expect([taking.claims.size, [...taking.claims.values()].every((times) => times === 1)]).toEqual([
      RACES,
      true,
    ]);
    expect((await told('job.retried', ids)).sort()).toEqual([...ids].sort());
    expect(await waitingInBull()).toBe(0);
    await audited(answers);
  });

  it('of a deletion by force against workers leave nothing of the job', async () => {
    const ids = await make('waiting');
    await dispatched(ids);
    const taking = workers(settle);
    const answers = new Map<string, Answer>();
    await each(ids, async (job_id) => {
      await sometime();
      answers.set(job_id, await act('job.delete', { job_id, force: true }));
    });
    await taking.stop();
    expect(taking.claims.size).toBeGreaterThan(0);
    expect(codes([...answers.values()])).toEqual({ '200': RACES });
    expect([await statuses(), await rows('SELECT FROM steps'), await waitingInBull()]).toEqual([{}, [], 0]);
    expect((await told('job.deleted', ids)).sort()).toEqual([...ids].sort());
    await audited([...answers.values()]);
  });

  it('of pauses and resumes against additions lose no entry and double none', async () => {
    const ids = await make('waiting');
    const answers: Answer[] = [];
    await each(ids, async (job_id) => {
      const action = random.chance(0.5) ? 'queue.pause' : 'queue.resume';
      const change = act(action, { queue: 'inspector' });
      await sometime();
      await other.get(StepDispatch).enqueueJob(job_id);
      answers.push(await change);
    });
    const last = await act('queue.resume', { queue: 'inspector' });
    expect(codes([...answers, last])).toEqual({ '200': RACES + 1 });
    // No sweep has helped: what was added is there, each once, and can be taken.
    expect((await api.get(StepQueues).counts())['inspector']).toMatchObject({
      waiting: RACES,
      paused: false,
    });
    const taking = workers(() => Promise.resolve());
    await taking.stop();
    expect([taking.claims.size, await waitingInBull()]).toEqual([RACES, 0]);
    expect([...taking.claims.values()].every((times) => times === 1)).toBe(true);
    await audited([...answers, last]);
  });

  it('of another priority against workers lose no job', async () => {
    const ids = await make('waiting');
    await dispatched(ids);
    const taking = workers(settle);
    const answers = new Map<string, { priority: number; answer: Answer }>();
    await each(ids, async (job_id) => {
      const priority = random.between(1, 10);
      answers.set(job_id, { priority, answer: await act('job.priority', { job_id, priority }) });
    });
    await finished();
    await taking.stop();
    expect([taking.claims.size, [...taking.claims.values()].every((times) => times === 1)]).toEqual([
      RACES,
      true,
    ]);
    expect([await statuses(), await waitingInBull()]).toEqual([{ completed: RACES }, 0]);
    const jobs = await rows<{ id: string; priority: number }>('SELECT id, priority FROM jobs');
    for (const { id, priority } of jobs) {
      const { priority: wanted, answer } = answers.get(id) ?? {};
      expect([id, priority]).toEqual([id, answer?.status === 200 ? wanted : 5]);
    }
    await audited([...answers.values()].map(({ answer }) => answer));
  });
});
