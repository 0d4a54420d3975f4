import { type BeforeApplicationShutdown, Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { AppError } from '../../platform/errors/app-error';
import { ERROR_CODES, type ErrorCode } from '../../platform/errors/error-codes';
import { MessageBus } from '../../platform/messages/message-bus';
import { Db } from '../../platform/postgres/db';
import { errorAnswer, successAnswer } from '../answers';
import { ExecutionStore } from '../executions/execution-store';
import type { ExecutionStatus } from '../executions/execution';
import type { ActionAnswer, Run } from '../run';

/** How often a waiter looks by itself, should the message be lost, in milliseconds. */
const LOOK_MS = 1_000;

/** What an execution has come to. */
export interface EndedRow {
  readonly status: ExecutionStatus;
  readonly result: unknown;
  readonly error_code: string | null;
}

/** Waits for operations that other processes run. */
@Injectable()
export class ExecutionWaiter implements OnModuleInit, BeforeApplicationShutdown {
  private readonly waiting = new Map<string, Set<() => void>>();
  private stopping = false;

  constructor(
    @Inject(MessageBus) private readonly bus: MessageBus,
    @Inject(Db) private readonly db: Db,
    @Inject(ExecutionStore) private readonly store: ExecutionStore,
  ) {}

  onModuleInit(): void {
    this.bus.on('execution.settled', ({ execution_id, status }) => {
      if (status !== 'running') this.waiting.get(execution_id)?.forEach((wake) => wake());
    });
  }

  /** Waits no longer: the end of the process would wait for that, and cut off who is not answered by then. */
  beforeApplicationShutdown(): void {
    this.stopping = true;
    for (const wakers of [...this.waiting.values()]) for (const wake of [...wakers]) wake();
  }

  /** The final answer if the operation ends within `options.wait_ms`, else `accepted`; whichever it is, is kept. */
  async wait(run: Run, accepted: ActionAnswer): Promise<ActionAnswer> {
    const row = await this.ended(run.answeringId, run.options.wait_ms);
    const answer = row && row.status !== 'running' ? finalAnswer(run, row) : accepted;
    // A retry may have been answered meanwhile, and all are to be answered alike.
    const kept = await this.store.keepAnswer(run.answeringId, answer);
    return { ...answer, ...kept };
  }

  /** How the execution stands when it has ended, after `withinMs` or when the process stops; undefined if there is none. */
  async ended(executionId: string, withinMs: number): Promise<EndedRow | undefined> {
    const deadline = performance.now() + withinMs;
    let row = await this.read(executionId);
    while (row?.status === 'running' && !this.stopping && performance.now() < deadline) {
      await this.pause(executionId, Math.min(LOOK_MS, deadline - performance.now()));
      row = await this.read(executionId);
    }
    return row;
  }

  private async read(executionId: string): Promise<EndedRow | undefined> {
    const [row] = await this.db.query<EndedRow>(
      'SELECT status, result, error_code FROM executions WHERE id = $1',
      [executionId],
    );
    return row;
  }

  private pause(executionId: string, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wakers = this.waiting.get(executionId) ?? new Set();
      this.waiting.set(executionId, wakers);
      const wake = (): void => {
        clearTimeout(timer);
        wakers.delete(wake);
        if (wakers.size === 0) this.waiting.delete(executionId);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      wakers.add(wake);
    });
  }
}

function finalAnswer(run: Run, row: EndedRow): ActionAnswer {
  if (row.status === 'succeeded') return successAnswer(run, 200, row.result);
  const code = row.error_code !== null && row.error_code in ERROR_CODES ? row.error_code : 'INTERNAL_ERROR';
  return errorAnswer(run, new AppError(code as ErrorCode));
}
