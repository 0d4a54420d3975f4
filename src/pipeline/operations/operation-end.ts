import { Inject, Injectable } from '@nestjs/common';
import type { AppError } from '../../platform/errors/app-error';
import { LiveFeed } from '../../platform/feed/live-feed';
import { MessageBus } from '../../platform/messages/message-bus';
import type { StopReport } from '../catalogue/stopped-early';
import type { ExecutionStatus, Outcome } from '../executions/execution';
import { ExecutionStore } from '../executions/execution-store';
import { OperationStore, type TakenOperation } from './operation-store';

/** Which operation ended. */
export interface EndedOperation {
  readonly executionId: string;
  readonly action: string;
  readonly actorId: string;
}

/** Records what operations came to, and tells everybody. A runner whose claim was lost records nothing. */
@Injectable()
export class OperationEnd {
  constructor(
    @Inject(ExecutionStore) private readonly executions: ExecutionStore,
    @Inject(OperationStore) private readonly operations: OperationStore,
    @Inject(LiveFeed) private readonly feed: LiveFeed,
    @Inject(MessageBus) private readonly messages: MessageBus,
  ) {}

  /** It is done. */
  succeeded(operation: TakenOperation, result: unknown): Promise<void> {
    return this.settle(operation, { ...NO_ANSWER, status: 'succeeded', result, errorCode: null });
  }

  /** It failed. */
  failed(operation: TakenOperation, { code, message }: AppError): Promise<void> {
    const result = { error: message };
    return this.settle(operation, { ...NO_ANSWER, status: 'failed', result, errorCode: code });
  }

  /** It was stopped by its runner. */
  async aborted(operation: TakenOperation, report: StopReport): Promise<void> {
    const { executionId, fence } = operation.claim;
    if (await this.operations.closeAborted(executionId, report, fence))
      await this.announce(endedOf(operation), 'aborted', 'OPERATION_ABORTED', report);
  }

  /** It was to be stopped, and nobody runs it. @returns false if somebody does, or it has ended */
  async closed(operation: EndedOperation, report: StopReport): Promise<boolean> {
    const closed = await this.operations.closeAborted(operation.executionId, report);
    if (closed) await this.announce(operation, 'aborted', 'OPERATION_ABORTED', report);
    return closed;
  }

  private async settle(operation: TakenOperation, outcome: Outcome): Promise<void> {
    const origin = { role: operation.actor.role, ip: null, userAgent: null };
    if (await this.executions.settle(operation.claim, outcome, origin))
      await this.announce(endedOf(operation), outcome.status, outcome.errorCode);
  }

  private async announce(
    { executionId, action, actorId }: EndedOperation,
    status: ExecutionStatus,
    errorCode: string | null,
    report?: StopReport,
  ): Promise<void> {
    await this.feed.publish('executions', {
      execution_id: executionId,
      action,
      kind: 'act',
      actor_id: actorId,
      status,
      error_code: errorCode,
      ...(report ? { result: report } : {}),
    });
    await this.messages.publish('execution.settled', { execution_id: executionId, status });
    await this.messages.publish('ssot.invalidate', { reason: action });
  }
}

/** An operation's caller was answered when it was handed over. */
const NO_ANSWER = { httpStatus: null, body: null, freesKey: false };

function endedOf({ claim, action, actor }: TakenOperation): EndedOperation {
  return { executionId: claim.executionId, action, actorId: actor.userId };
}
