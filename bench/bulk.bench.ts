import { Module } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { JobsCategory } from '../src/categories/jobs/jobs.module';
import { type EntryStep, StepEntries } from '../src/media/flow/queues/step-entries';
import type { StepQueue, StepTicket } from '../src/media/flow/queues/bull-queue';
import { StepQueues } from '../src/media/flow/queues/step-queues';
import { OperationsModule } from '../src/pipeline/operations/operations.module';
import { ActionRunner } from '../src/pipeline/pipeline';
import { PipelineModule } from '../src/pipeline/pipeline.module';
import type { Actor } from '../src/platform/security/roles';
import { BullBoard } from '../test/support/bull-board';
import { eventually } from '../test/support/eventually';
import { manyJobs } from '../test/support/jobs-of-a-kind';
import { processesOf, type TestProcess, type TestProcesses } from '../test/support/processes';
import { makeUser } from '../test/support/users';
import { report } from './load';
import { figure, median } from './measure';
import { Stalls } from './stalls';

@Module({ imports: [JobsCategory, PipelineModule, OperationsModule] })
class Api {}

/** BULK_JOBS asks for fewer, for a look. */
const JOBS = Number(process.env['BULK_JOBS'] ?? 100_000);
/** What is measured by hand and per entry needs no more. */
const SOME = Math.min(JOBS, 10_000);
const AT_ONCE = 64;
const ROUNDS = 3;
/** Another queue of the same Redis, which nobody but Bull Board and Bull itself works on. */
const BOARD_QUEUE = 'packager';

describe(`${JOBS} chosen jobs`, () => {
  let processes: TestProcesses;
  let api: TestProcess;
  let actor: Actor;
  let stalls: Stalls;
  let boardQueue: StepQueue;
  let board: BullBoard;

  beforeAll(async () => {
    processes = await processesOf([Api]);
    api = await processes.start();
    const user = await makeUser(processes.database, 'admin');
    actor = { userId: user.id, email: user.email, role: 'admin', sessionId: uuidv7() };
    stalls = await Stalls.watch(processes.redis.url);
    boardQueue = api.get(StepQueues).get(BOARD_QUEUE);
    board = new BullBoard([boardQueue]);
  }, 120_000);
  afterAll(async () => {
    stalls?.stop();
    await processes?.close();
  });

  /** Steps that exist in Redis alone. */
  const steps = (count: number): EntryStep[] =>
    Array.from({ length: count }, () => ({
      id: uuidv7(),
      job_id: uuidv7(),
      agent: 'inspector',
      attempt: 0,
      priority: 5,
      not_before: new Date(0),
    }));
  async function each<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
    const left = [...items];
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
      }),
    );
  }
  /** Entries of the board's queue; failed ones by Bull's own hand. */
  async function entries(count: number, kind: 'waiting' | 'failed'): Promise<string[]> {
    const data: StepTicket = { step_id: uuidv7(), job_id: uuidv7(), attempt: 1 };
    const ids: string[] = [];
    for (let at = 0; at < count; at += 1_000) {
      const added = await boardQueue.addBulk(
        Array.from({ length: Math.min(1_000, count - at) }, () => ({
          name: 'step',
          data,
          opts: { removeOnFail: false, priority: 5 },
        })),
      );
      ids.push(...added.map((entry) => String(entry.id)));
      if (kind === 'failed')
        await each(added, async () => (await boardQueue.moveToActive())?.moveToFailed({ message: 'broken' }));
    }
    return ids;
  }
  async function action(name: string, payload: object): Promise<void> {
    const answer = await api.get(ActionRunner).run(name, payload, {
      actor,
      origin: { traceId: uuidv7(), ip: '127.0.0.1', userAgent: 'bench' },
      rawHeaders: ['X-Idempotency-Key', uuidv7()],
      options: {},
      bodyErrors: [],
      scope: 'any',
      startedAt: performance.now(),
    });
    const { execution_id: id } = JSON.parse(answer.body.toString('utf8')) as { execution_id: string };
    await eventually(
      async () => {
        const [row] = await processes.database.query<{ status: string }>(
          'SELECT status FROM executions WHERE id = $1',
          [id],
        );
        expect(row?.status).toBe('succeeded');
      },
      { timeoutMs: 600_000, intervalMs: 100 },
    );
  }
  const us = (ms: number, count: number) => `${figure((1_000 * ms) / count)} us`;

  it('the part of Redis, against taking each entry in hand', async () => {
    const own = { add: [] as number[], remove: [] as number[], worst: [] as number[] };
    const hand = { retry: [] as number[], remove: [] as number[], worst: [] as number[] };
    for (let round = 0; round < ROUNDS; round += 1) {
      const some = steps(JOBS);
      const add = await stalls.during(() => api.get(StepEntries).add(some));
      const remove = await stalls.during(() => api.get(StepEntries).remove(some));
      own.add.push(add.tookMs / JOBS);
      own.remove.push(remove.tookMs / JOBS);
      own.worst.push(add.worstMs, remove.worstMs);
      const failed = await entries(SOME, 'failed');
      const retry = await stalls.during(() =>
        each(failed, async (id) => (await boardQueue.getJob(id))?.retry()),
      );
      const drop = await stalls.during(() =>
        each(failed, async (id) => (await boardQueue.getJob(id))?.remove()),
      );
      hand.retry.push(retry.tookMs / SOME);
      hand.remove.push(drop.tookMs / SOME);
      hand.worst.push(retry.worstMs, drop.worstMs);
    }
    report('the part of Redis of a bulk retry', {
      own: us(median(own.add), 1),
      'getJob and retry, 64 in flight': us(median(hand.retry), 1),
      times: figure(median(hand.retry) / median(own.add)),
      wanted: 7,
    });
    report('the part of Redis of a bulk cancel', {
      own: us(median(own.remove), 1),
      'getJob and remove, 64 in flight': us(median(hand.remove), 1),
      times: figure(median(hand.remove) / median(own.remove)),
      wanted: 7,
    });
    report('worst PING meanwhile, ms', {
      own: `${figure(median(own.worst))}, at most ${figure(Math.max(...own.worst))}`,
      'by hand': figure(Math.max(...hand.worst)),
      wanted: 20,
    });
  }, 900_000);

  it('the whole, against the buttons of Bull Board', async () => {
    const idle = await stalls.during(() => new Promise((resolve) => setTimeout(resolve, 2_000)));
    await manyJobs(processes.database, actor.userId, JOBS, 'failed');
    await processes.database.query('ANALYZE jobs, steps');
    const retry = await stalls.during(() => action('job.bulk_retry', { filter: { status: ['failed'] } }));
    expect((await api.get(StepQueues).counts())['inspector']?.waiting).toBe(JOBS);
    const cancel = await stalls.during(() => action('job.bulk_cancel', { filter: { status: ['queued'] } }));
    expect((await api.get(StepQueues).counts())['inspector']?.waiting).toBe(0);

    // As many as ours: the longer one looks, the slower the slowest answer is.
    await entries(JOBS, 'failed');
    const retryAll = await stalls.during(() => board.retryAll(BOARD_QUEUE));
    await boardQueue.empty();
    await entries(JOBS, 'waiting');
    const empty = await stalls.during(() => board.empty(BOARD_QUEUE));
    const line = ({ tookMs, worstMs }: { tookMs: number; worstMs: number }, count: number) =>
      `${us(tookMs, count)} per job, worst PING ${figure(worstMs)} ms`;
    report('job.bulk_retry', {
      ours: line(retry, JOBS),
      'retry all of Bull Board': line(retryAll, JOBS),
      'stall, theirs of ours': figure(retryAll.worstMs / retry.worstMs),
      'time, theirs of ours': figure(retryAll.tookMs / retry.tookMs),
    });
    report('job.bulk_cancel', {
      ours: line(cancel, JOBS),
      'empty of Bull Board, which tells nobody': line(empty, JOBS),
      'stall, theirs of ours': figure(empty.worstMs / cancel.worstMs),
      'time, theirs of ours': figure(empty.tookMs / cancel.tookMs),
    });
    report('worst PING while nothing is done', { ms: figure(idle.worstMs) });
  }, 900_000);
});
