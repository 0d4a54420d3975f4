import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { AppError } from '../../platform/errors/app-error';
import { reasonOf, unavailableServer } from '../../platform/errors/unavailable';
import { LiveFeed } from '../../platform/feed/live-feed';
import { toAppError } from '../../platform/http/exception.filter';
import { MessageBus } from '../../platform/messages/message-bus';
import type { Actor } from '../../platform/security/roles';
import { failSpan, inSpan } from '../../platform/telemetry/spans';
import { PermissionsService } from '../access/permissions.service';
import type { ActionContext, Progress } from '../catalogue/action-command';
import { Catalogue } from '../catalogue/catalogue';
import type { CatalogueEntry } from '../catalogue/catalogue-entry';
import type { Checkpoint } from '../catalogue/checkpoint';
import { validatePayload } from '../catalogue/payload-validator';
import { StoppedEarly, type StopReport } from '../catalogue/stopped-early';
import { ClaimLost } from '../executions/lease-keeper';
import { ExecutionTiming } from '../executions/timing';
import { PreviewTokens } from '../preview/preview-tokens';
import { traceOperation } from '../tracing';
import { type CountedRun, OperationCircuits } from './operation-circuits';
import { OperationEnd } from './operation-end';
import { OperationPulse } from './operation-pulse';
import { OperationStore, reportFrom, type TakenOperation } from './operation-store';
import { AbortRequested, ProcessStops } from './stop-reasons';

/** An operation whose process died so often will not be begun again: it may be what kills them. */
const MAX_ATTEMPTS = 5;
/** How long a stop waits for operations to come to a safe point, in milliseconds. */
const STOP_WAIT_MS = 8_000;

/** From when it is to be taken until its end. */
interface Running {
  readonly executionId: string;
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

/** Runs operations in a manager process. When that dies, another one goes on with them. */
@Injectable()
export class OperationRunner implements OnModuleInit {
  private readonly log = new Logger(OperationRunner.name);
  private readonly running = new Set<Running>();
  private stopping = false;

  constructor(
    @Inject(OperationStore) private readonly operations: OperationStore,
    @Inject(OperationEnd) private readonly end: OperationEnd,
    @Inject(OperationCircuits) private readonly circuits: OperationCircuits,
    @Inject(ExecutionTiming) private readonly timing: ExecutionTiming,
    @Inject(Catalogue) private readonly catalogue: Catalogue,
    @Inject(PermissionsService) private readonly permissions: PermissionsService,
    @Inject(PreviewTokens) private readonly previews: PreviewTokens,
    @Inject(CommandBus) private readonly bus: CommandBus,
    @Inject(LiveFeed) private readonly feed: LiveFeed,
    @Inject(MessageBus) private readonly messages: MessageBus,
  ) {}

  onModuleInit(): void {
    this.messages.on('operation.abort', ({ execution_id }) => {
      for (const { executionId, abort } of this.running)
        if (executionId === execution_id) abort.abort(new AbortRequested());
    });
  }

  /** Runs an operation to its end, unless another process does. */
  async run(executionId: string): Promise<void> {
    // The sweeper queues it again, for a process that stays.
    if (this.stopping) return;
    const abort = new AbortController();
    const running: Running = { executionId, abort, ended: this.takeAndRun(executionId, abort) };
    this.running.add(running);
    try {
      await running.ended;
    } finally {
      this.running.delete(running);
    }
  }

  private async takeAndRun(executionId: string, abort: AbortController): Promise<void> {
    const operation = await this.operations.take(executionId, this.timing.operationLeaseS);
    if (operation) await traceOperation(operation, () => this.runTaken(operation, abort));
  }

  private async runTaken(operation: TakenOperation, abort: AbortController): Promise<void> {
    if (operation.abortRequested) return this.end.aborted(operation, reportFrom(operation.progress));
    const counted = await this.circuits.enter(operation.action);
    // The sweeper queues it again. It was accepted, so it waits where a call would be refused.
    if (!counted) return this.operations.release(operation.claim);
    try {
      if (abort.signal.aborted) {
        counted.saysNothing();
        await this.endedEarly(operation, undefined, abort.signal, operation.progress);
      } else await this.work(operation, abort, counted);
    } catch (error) {
      const { executionId } = operation.claim;
      // Nothing is on record: when the claim runs out another process goes on with it.
      this.log.error(`What ${executionId} came to could not be recorded: ${reasonOf(error)}`);
    }
  }

  /** Takes no more, and gives all running operations back; resolves when they have ended, or after 8 s. */
  async stop(): Promise<void> {
    this.stopping = true;
    const all = [...this.running];
    for (const { abort } of all) abort.abort(new ProcessStops());
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, STOP_WAIT_MS)));
    await Promise.race([Promise.allSettled(all.map(({ ended }) => ended)), late]);
    clearTimeout(timer);
  }

  private async work(operation: TakenOperation, abort: AbortController, counted: CountedRun): Promise<void> {
    const { operationLeaseS } = this.timing;
    const pulse = new OperationPulse(operation, operationLeaseS, abort, this.operations, this.feed);
    let result: unknown;
    try {
      result = await this.execute(operation, abort, (step) => {
        pulse.report(step);
        if (step.done > operation.progress.done) counted.progressed();
      });
      counted.succeeded();
    } catch (thrown) {
      if (abort.signal.aborted) counted.saysNothing();
      else counted.failed(thrown);
      await pulse.end();
      return this.endedEarly(operation, thrown, abort.signal, pulse.current);
    }
    await pulse.end();
    // Whatever was asked of it meanwhile: all of it is done.
    await this.end.succeeded(operation, result);
  }

  private async endedEarly(
    operation: TakenOperation,
    thrown: unknown,
    { aborted, reason }: AbortSignal,
    progress: Progress,
  ): Promise<void> {
    if (thrown instanceof ClaimLost || reason instanceof ClaimLost) {
      this.log.warn(`${operation.action} is run by another process now (${operation.claim.executionId})`);
    } else if (!aborted) {
      await this.failed(operation, thrown);
    } else if (reason instanceof AbortRequested) {
      const report: StopReport = thrown instanceof StoppedEarly ? thrown.report : reportFrom(progress);
      await this.end.aborted(operation, report);
    } else {
      await this.operations.release(operation.claim);
    }
  }

  /** It has failed. If only a server was away it has not: when the claim runs out it is begun again. */
  private async failed(operation: TakenOperation, thrown: unknown): Promise<void> {
    const error = toAppError(thrown);
    failSpan(error.code);
    if (unavailableServer(thrown) && operation.attempts < MAX_ATTEMPTS) {
      this.log.warn(`${operation.action} will be begun again: ${reasonOf(thrown)}`);
      return;
    }
    if (error.status >= 500) this.log.error(`${operation.action} failed`, (thrown as Error).stack);
    await this.end.failed(operation, error);
  }

  private async execute(
    operation: TakenOperation,
    abort: AbortController,
    progress: ActionContext['progress'],
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
      ip: null,
      ownerId: request.owner_id ?? undefined,
      reason: request.reason ?? undefined,
      signal: abort.signal,
      selection: request.preview_id ? await this.previews.selection(request.preview_id) : undefined,
      transaction: () => Promise.reject(new Error('An operation has no single transaction: work in batches')),
      progress,
      checkpoint: this.checkpointOf(operation, abort),
    };
    Object.assign(validated.command, { context });
    return inSpan(`handler ${entry.name}`, () => this.bus.execute<unknown>(validated.command));
  }

  private checkpointOf({ claim, checkpoint }: TakenOperation, abort: AbortController): Checkpoint {
    return {
      resume: <T extends object>() => (checkpoint ?? undefined) as T | undefined,
      save: async (state, tx) => {
        try {
          await this.operations.saveCheckpoint(claim, state, tx);
        } catch (error) {
          if (error instanceof ClaimLost) abort.abort(error);
          throw error;
        }
      },
    };
  }

  /** Asks again whether the actor may: what was allowed when it was asked for may not be any more. */
  private admit(operation: TakenOperation): CatalogueEntry {
    if (operation.attempts > MAX_ATTEMPTS)
      throw new AppError('INTERNAL_ERROR', `${MAX_ATTEMPTS} processes died while they ran this.`);
    const entry = this.catalogue.find(operation.action);
    if (!entry) throw new AppError('VALIDATION_ERROR', 'There is no such action any more.');
    const scope = operation.request.owner_id === null ? 'any' : 'own';
    const decision = this.permissions.decide(actorOf(operation), entry.name, scope);
    if (!operation.actor.enabled || !decision.allowed)
      throw new AppError('FORBIDDEN', 'The permission for this action was withdrawn before it was run.');
    return entry;
  }
}

function actorOf({ actor }: TakenOperation): Actor {
  return { userId: actor.userId, email: actor.email, role: actor.role, sessionId: '' };
}
