import { Inject, Injectable } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { Db, type Tx } from '../../platform/postgres/db';
import { inSpan } from '../../platform/telemetry/spans';
import { successAnswer } from '../answers';
import { PayloadScrubber } from '../audit/payload-scrubber';
import type { ActionContext } from '../catalogue/action-command';
import { canPreview } from '../catalogue/action-handler';
import { type Checkpoint, NO_CHECKPOINT } from '../catalogue/checkpoint';
import { Outcomes } from '../executions/outcomes';
import type { Claim } from '../executions/execution';
import { OperationQueue } from '../operations/operation-queue';
import { OperationStore } from '../operations/operation-store';
import { type NamedPreview, PreviewTokens } from '../preview/preview-tokens';
import type { ActionAnswer, Run, Stage } from '../run';

/** Does it: a preview, a sync command on the bus, or the handover of an operation. */
@Injectable()
export class DispatchStage implements Stage {
  readonly name = 'dispatch';

  constructor(
    @Inject(CommandBus) private readonly bus: CommandBus,
    @Inject(Db) private readonly db: Db,
    @Inject(PreviewTokens) private readonly previews: PreviewTokens,
    @Inject(Outcomes) private readonly outcomes: Outcomes,
    @Inject(OperationQueue) private readonly operations: OperationQueue,
    @Inject(OperationStore) private readonly store: OperationStore,
    @Inject(PayloadScrubber) private readonly scrubber: PayloadScrubber,
  ) {}

  async handle(run: Run): Promise<ActionAnswer> {
    if (run.isOperation) return this.handOver(run);
    // Kept, since after a time-out the handler still comes to something.
    const work = run.preview ? this.executeShown(run, run.preview) : this.start(run);
    run.late = work;
    try {
      const answer = await work;
      run.dispatched = true;
      return answer;
    } finally {
      run.late = undefined;
    }
  }

  private async handOver(run: Run): Promise<ActionAnswer> {
    // What it shows is read when the operation is run. One that is not there any more is better said now.
    if (run.preview) await this.previews.selection(run.preview.id);
    const answer = await this.operations.handOver(run);
    run.dispatched = true;
    return answer;
  }

  private async executeShown(run: Run, { id }: NamedPreview): Promise<ActionAnswer> {
    run.selection = await this.previews.selection(id);
    // Meanwhile the time may have run out, which the caller has been told, or another process may run it.
    run.abort.signal.throwIfAborted();
    return this.execute(run);
  }

  private start(run: Run): Promise<ActionAnswer> {
    return run.kind === 'preview' ? this.preview(run) : this.execute(run);
  }

  private async preview(run: Run): Promise<ActionAnswer> {
    const { handler, name } = run.entry;
    if (!canPreview(handler)) throw new Error(`${name} passed validation without a preview`);
    Object.assign(run.command, { context: this.contextOf(run) });
    const preview = await inSpan(`preview ${name}`, () => handler.preview(run.command));
    run.result = { selection: preview.selection };
    const subject = { actorId: run.actor.userId, action: name, fingerprint: run.fingerprint };
    return successAnswer(run, 200, this.previews.answer(preview, subject, run.answeringId));
  }

  private async execute(run: Run): Promise<ActionAnswer> {
    Object.assign(run.command, { context: this.contextOf(run) });
    run.mayHaveActed = run.entry.risk !== 'read';
    try {
      run.result = await inSpan(`handler ${run.entry.name}`, () => this.bus.execute<unknown>(run.command));
    } finally {
      // The caller's next read is to show the effect.
      await run.announced;
    }
    return run.settled ?? successAnswer(run, 200, run.result);
  }

  private contextOf(run: Run): ActionContext {
    return {
      executionId: run.answeringId,
      actor: run.actor,
      traceId: run.call.origin.traceId,
      ip: run.call.origin.ip,
      ownerId: run.ownerId,
      // Handlers keep it with what they change; so it is the storable form, as operations get it.
      reason: this.scrubber.text(run.options.reason) ?? undefined,
      // Made for those who look at it: a signal costs as much as the rest of the context.
      get signal() {
        return run.abort.signal;
      },
      selection: run.selection,
      transaction: (work) => this.transaction(run, work),
      progress: () => undefined,
      checkpoint: run.kind === 'act' && run.claim ? this.checkpointOf(run.claim) : NO_CHECKPOINT,
    };
  }

  private checkpointOf(claim: Claim): Checkpoint {
    return {
      resume: <T extends object>() => (claim.checkpoint ?? undefined) as T | undefined,
      save: (state, tx) => this.store.saveCheckpoint(claim, state, tx),
    };
  }

  private async transaction<T>(run: Run, work: (tx: Tx) => Promise<T>): Promise<T> {
    if (run.settled) throw new Error(`${run.entry.name} used a second transaction: it has room for one`);
    run.mayHaveActed = false;
    const done = await this.db.transaction(async (tx) => {
      const data = await work(tx);
      return { data, answer: await this.outcomes.settleIn(tx, run, data) };
    });
    run.settled = done.answer;
    // What the handler does after its commit, such as telling those who watch, need not wait for it.
    run.announced = this.outcomes.announce(run, 'succeeded');
    return done.data;
  }
}
