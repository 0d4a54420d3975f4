import { Inject, Injectable, Logger } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { AppError } from '../../platform/errors/app-error';
import { LiveFeed } from '../../platform/feed/live-feed';
import { toAppError } from '../../platform/http/exception.filter';
import { MessageBus } from '../../platform/messages/message-bus';
import type { Actor } from '../../platform/security/roles';
import { failSpan, inSpan } from '../../platform/telemetry/spans';
import { PermissionsService } from '../access/permissions.service';
import { Catalogue } from '../catalogue/catalogue';
import type { CatalogueEntry } from '../catalogue/catalogue-entry';
import type { ActionContext } from '../catalogue/action-command';
import { validatePayload } from '../catalogue/payload-validator';
import type { Outcome } from '../executions/execution';
import { ExecutionStore } from '../executions/execution-store';
import { LeaseKeeper } from '../executions/lease-keeper';
import { ExecutionTiming } from '../executions/timing';
import { PreviewTokens } from '../preview/preview-tokens';
import { traceOperation } from '../tracing';
import { OperationStore, type TakenOperation } from './operation-store';
import { ProgressReporter } from './progress-reporter';

/** Why work was ended when the process stops: the operation is given back, not failed. */
export class ProcessStops extends Error {
  override name = 'ProcessStops';
}

/** Runs operations in a manager process. After a crash another process runs the same one again. */
@Injectable()
export class OperationRunner {
  private readonly log = new Logger(OperationRunner.name);
  private readonly running = new Set<AbortController>();

  constructor(
    @Inject(OperationStore) private readonly operations: OperationStore,
    @Inject(ExecutionStore) private readonly executions: ExecutionStore,
    @Inject(LeaseKeeper) private readonly leases: LeaseKeeper,
    @Inject(ExecutionTiming) private readonly timing: ExecutionTiming,
    @Inject(Catalogue) private readonly catalogue: Catalogue,
    @Inject(PermissionsService) private readonly permissions: PermissionsService,
    @Inject(PreviewTokens) private readonly previews: PreviewTokens,
    @Inject(CommandBus) private readonly bus: CommandBus,
    @Inject(LiveFeed) private readonly feed: LiveFeed,
    @Inject(MessageBus) private readonly messages: MessageBus,
  ) {}

  /** Runs an operation to its end, unless another process does. */
  async run(executionId: string): Promise<void> {
    const leaseS = this.timing.operationLeaseS;
    const operation = await this.operations.take(executionId, leaseS);
    if (!operation) return;
    await traceOperation(operation, () => this.runTaken(operation, leaseS));
  }

  private async runTaken(operation: TakenOperation, leaseS: number): Promise<void> {
    const abort = new AbortController();
    const release = this.leases.keep(operation.claim, leaseS, abort);
    this.running.add(abort);
    try {
      await this.settle(operation, await this.work(operation, abort));
    } finally {
      release();
      this.running.delete(abort);
    }
  }

  /** Gives all running operations back. */
  stop(): void {
    for (const abort of this.running) abort.abort(new ProcessStops());
  }

  /** @returns what it came to; undefined if it was given back or is another's now */
  private async work(operation: TakenOperation, abort: AbortController): Promise<Outcome | undefined> {
    const progress = new ProgressReporter(operation, this.operations, this.feed);
    try {
      const result = await this.execute(operation, abort, progress);
      return { ...NO_ANSWER, status: 'succeeded', result, errorCode: null };
    } catch (thrown) {
      if (abort.signal.aborted) {
        if (abort.signal.reason instanceof ProcessStops) await this.operations.release(operation.claim);
        return undefined;
      }
      const error = toAppError(thrown);
      failSpan(error.code);
      if (error.status >= 500) this.log.error(`${operation.action} failed`, (thrown as Error).stack);
      return { ...NO_ANSWER, status: 'failed', result: { error: error.message }, errorCode: error.code };
    } finally {
      await progress.end();
    }
  }

  private async execute(
    operation: TakenOperation,
    abort: AbortController,
    progress: ProgressReporter,
  ): Promise<unknown> {
    const entry = this.admit(operation);
    const { request } = operation;
    const validated = validatePayload(entry.command, request.payload);
    if ('errors' in validated)
      throw new AppError('VALIDATION_ERROR', undefined, { details: validated.errors });
    const context: ActionContext = {
      executionId: operation.claim.executionId,
      actor: actorOf(operation),
      traceId: operation.traceId,
      ownerId: request.owner_id ?? undefined,
      reason: request.reason ?? undefined,
      signal: abort.signal,
      selection: request.preview_id ? await this.previews.selection(request.preview_id) : undefined,
      transaction: () => Promise.reject(new Error('An operation has no single transaction: work in batches')),
      progress: (step) => progress.report(step),
    };
    Object.assign(validated.command, { context });
    return inSpan(`handler ${entry.name}`, () => this.bus.execute<unknown>(validated.command));
  }

  /** Asks again whether the actor may: what was allowed when it was asked for may not be any more. */
  private admit(operation: TakenOperation): CatalogueEntry {
    const entry = this.catalogue.find(operation.action);
    if (!entry) throw new AppError('VALIDATION_ERROR', 'There is no such action any more.');
    const scope = operation.request.owner_id === null ? 'any' : 'own';
    const decision = this.permissions.decide(actorOf(operation), entry.name, scope);
    if (!operation.actor.enabled || !decision.allowed)
      throw new AppError('FORBIDDEN', 'The permission for this action was withdrawn before it was run.');
    return entry;
  }

  private async settle(operation: TakenOperation, outcome: Outcome | undefined): Promise<void> {
    if (!outcome) return;
    const origin = { role: operation.actor.role, ip: null, userAgent: null };
    if (!(await this.executions.settle(operation.claim, outcome, origin))) return;
    const { executionId } = operation.claim;
    await this.feed.publish('executions', {
      execution_id: executionId,
      action: operation.action,
      kind: 'act',
      actor_id: operation.actor.userId,
      status: outcome.status,
      error_code: outcome.errorCode,
    });
    await this.messages.publish('execution.settled', { execution_id: executionId, status: outcome.status });
    await this.messages.publish('ssot.invalidate', { reason: operation.action });
  }
}

/** An operation's caller was answered when it was handed over. */
const NO_ANSWER = { httpStatus: null, body: null, freesKey: false };

function actorOf({ actor }: TakenOperation): Actor {
  return { userId: actor.userId, email: actor.email, role: actor.role, sessionId: '' };
}
