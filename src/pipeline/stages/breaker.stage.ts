import { Inject, Injectable } from '@nestjs/common';
import { AppError } from '../../platform/errors/app-error';
import { Bulkheads } from '../breaker/bulkheads';
import { resultOf } from '../breaker/call-result';
import { Circuits, type Permit, type Refusal } from '../breaker/circuits';
import type { ActionAnswer, Run, Stage } from '../run';

/** Does not call what has failed too often, and limits how long and how often at once anything is called. */
@Injectable()
export class BreakerStage implements Stage {
  readonly name = 'breaker';

  constructor(
    @Inject(Circuits) private readonly circuits: Circuits,
    @Inject(Bulkheads) private readonly bulkheads: Bulkheads,
  ) {}

  async handle(run: Run, next: () => Promise<ActionAnswer>): Promise<ActionAnswer> {
    const permits = await this.admit(run);
    const startedAt = performance.now();
    const took = (): number => performance.now() - startedAt;
    try {
      const answer = await this.bulkheads.run(run.entry.dependsOn, next);
      this.circuits.report(permits, took(), () => 'good');
      return answer;
    } catch (error) {
      if (error instanceof AppError && error.code === 'TIMEOUT') run.abort.abort(error);
      this.circuits.report(permits, took(), (dependency) => resultOf(error, dependency));
      throw error;
    }
  }

  private async admit(run: Run): Promise<Permit[]> {
    const verdict = await this.circuits.admit(run.entry.dependsOn);
    if ('refusedBy' in verdict) {
      run.note('open', verdict.forced ? `${verdict.refusedBy}, forced` : verdict.refusedBy);
      throw refused(verdict);
    }
    const probe = verdict.permits.some(({ shared, own }) => shared?.probe || own?.probe);
    run.note(probe ? 'probe' : 'closed', run.entry.dependsOn.join(', '));
    return verdict.permits;
  }
}

function refused({ refusedBy, retryInMs, forced }: Refusal): AppError {
  const message = forced
    ? `An operator holds back all calls of ${refusedBy}.`
    : `${refusedBy} has failed too often and is given a rest.`;
  return new AppError('CIRCUIT_OPEN', message, { retryAfterS: Math.max(1, Math.ceil(retryInMs / 1000)) });
}
