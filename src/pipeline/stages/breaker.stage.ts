import { Inject, Injectable, Logger } from '@nestjs/common';
import { AppError } from '../../platform/errors/app-error';
import { Bulkheads } from '../breaker/bulkheads';
import { resultOf } from '../breaker/call-result';
import { type CallResult, CircuitStore, type Permit } from '../breaker/circuit-store';
import type { ActionAnswer, Run, Stage } from '../run';

/** Does not call what has failed too often, and limits how long and how often at once anything is called. */
@Injectable()
export class BreakerStage implements Stage {
  readonly name = 'breaker';
  private readonly log = new Logger(BreakerStage.name);

  constructor(
    @Inject(CircuitStore) private readonly circuits: CircuitStore,
    @Inject(Bulkheads) private readonly bulkheads: Bulkheads,
  ) {}

  async handle(run: Run, next: () => Promise<ActionAnswer>): Promise<ActionAnswer> {
    const permits = await this.admit(run);
    try {
      const answer = await this.bulkheads.run(run.entry.dependsOn, next);
      this.report(permits, () => 'good');
      return answer;
    } catch (error) {
      if (error instanceof AppError && error.code === 'TIMEOUT') run.abort.abort(error);
      this.report(permits, (permit) => resultOf(error, permit.dependency));
      throw error;
    }
  }

  private async admit(run: Run): Promise<Permit[]> {
    // If Redis went away since the limits were checked, the time limit and the bulkhead still protect.
    const verdict = await this.circuits.admit(run.entry.dependsOn).catch((error: Error) => {
      this.log.warn(`Circuits could not be read: ${error.message}`);
      return { permits: [] };
    });
    if ('permits' in verdict) {
      run.note(
        verdict.permits.some((permit) => permit.probe) ? 'probe' : 'closed',
        run.entry.dependsOn.join(', '),
      );
      return verdict.permits;
    }
    run.note('open', verdict.refusedBy);
    throw new AppError('CIRCUIT_OPEN', `${verdict.refusedBy} has failed too often and is given a rest.`, {
      retryAfterS: Math.max(1, Math.ceil(verdict.retryInMs / 1000)),
    });
  }

  /** In the background: the caller need not wait for it, and a lost report only delays a decision. */
  private report(permits: readonly Permit[], result: (permit: Permit) => CallResult): void {
    for (const permit of permits) {
      this.circuits
        .record(permit, result(permit))
        .catch((error: Error) =>
          this.log.warn(`A result for ${permit.dependency} was lost: ${error.message}`),
        );
    }
  }
}
