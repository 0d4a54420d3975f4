import { Inject, Injectable } from '@nestjs/common';
import { AppError } from '../../platform/errors/app-error';
import { MessageBus } from '../../platform/messages/message-bus';
import { Db } from '../../platform/postgres/db';
import type { Progress } from '../catalogue/action-command';
import { Catalogue } from '../catalogue/catalogue';
import { isAbortable } from '../catalogue/catalogue-entry';
import type { ExecutionStatus } from '../executions/execution';
import { ExecutionWaiter } from './execution-waiter';
import { OperationEnd } from './operation-end';
import { OperationStore, reportFrom } from './operation-store';

/** How long it is waited for the operation's next safe point, in milliseconds. */
const WAIT_MS = 3_000;

/** What became of an operation that was to be stopped. */
export interface AbortResult {
  execution_id: string;
  action: string;
  /** `aborting`: it has been told, and has not come to a safe point yet. It may also have ended by itself. */
  status: Exclude<ExecutionStatus, 'running'> | 'aborting';
  /** What it had done and what not; of one that ended by itself, what it came to. */
  result: unknown;
}

interface Target {
  id: string;
  action: string;
  kind: 'act' | 'preview';
  actor_id: string;
  status: ExecutionStatus;
  progress: Progress | null;
}

/** Stops operations: at once what nobody runs, at its next safe point what runs. */
@Injectable()
export class OperationAborts {
  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(Catalogue) private readonly catalogue: Catalogue,
    @Inject(OperationStore) private readonly operations: OperationStore,
    @Inject(OperationEnd) private readonly end: OperationEnd,
    @Inject(ExecutionWaiter) private readonly waiter: ExecutionWaiter,
    @Inject(MessageBus) private readonly bus: MessageBus,
  ) {}

  /**
   * Stops an operation and waits up to 3 s for its end.
   *
   * @param by who wants it
   * @param ownerId whose it must be; anybody's if not given
   * @throws AppError EXECUTION_NOT_FOUND, EXECUTION_FINISHED, NOT_ABORTABLE
   */
  async abort(executionId: string, by: string, ownerId?: string): Promise<AbortResult> {
    const target = await this.find(executionId, ownerId);
    const ended = { executionId, action: target.action, actorId: target.actor_id };
    const report = reportFrom(target.progress ?? { done: 0 });
    if (!(await this.end.closed(ended, report))) {
      if (!(await this.operations.requestAbort(executionId, by))) throw new AppError('EXECUTION_FINISHED');
      await this.bus.publish('operation.abort', { execution_id: executionId });
    }
    const row = await this.waiter.ended(executionId, WAIT_MS);
    const over = row && row.status !== 'running';
    return {
      execution_id: executionId,
      action: target.action,
      status: over ? row.status : 'aborting',
      result: over ? row.result : null,
    };
  }

  private async find(executionId: string, ownerId?: string): Promise<Target> {
    const [target] = await this.db.query<Target>(
      `SELECT id, action, kind, actor_id, status, progress FROM executions
        WHERE id = $1 AND ($2::uuid IS NULL OR actor_id = $2)`,
      [executionId, ownerId ?? null],
    );
    if (!target) throw new AppError('EXECUTION_NOT_FOUND');
    if (target.status !== 'running') throw new AppError('EXECUTION_FINISHED');
    const entry = this.catalogue.find(target.action);
    if (target.kind !== 'act' || !entry || !isAbortable(entry)) throw new AppError('NOT_ABORTABLE');
    return target;
  }
}
