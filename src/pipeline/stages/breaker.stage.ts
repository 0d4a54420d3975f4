import { Inject, Injectable } from '@nestjs/common';
import { AppError } from '../../platform/errors/app-error';
import { Bulkheads } from '../breaker/bulkheads';
import { resultOf } from '../breaker/call-result';
import type { CallResult } from '../breaker/circuit';
import { type Admission, Circuits, type Permit, type Refusal } from '../breaker/circuits';
import type { Dependency } from '../catalogue/action.decorator';
import type { ActionAnswer, Run, Stage } from '../run';

/** Does not call what has failed too often, and limits how long and how often at once anything is called. */
@Injectable()
export class BreakerStage implements Stage {
  readonly name = 'breaker';

  constructor(
    @Inject(Circuits) private readonly circuits: Circuits,
    @Inject(Bulkheads) private readonly bulkheads: Bulkheads,
  ) {}

  handle(run: Run, next: () => Promise<ActionAnswer>): Promise<ActionAnswer> {
    // What is well is decided at once, and not waited for.
    const admission = this.circuits.admit(run.entry.dependsOn);
    return admission instanceof Promise
      ? admission.then((later) => this.call(run, permitted(run, later), next))
      : this.call(run, permitted(run, admission), next);
  }

  private async call(
    run: Run,
    permits: readonly Permit[],
    next: () => Promise<ActionAnswer>,
  ): Promise<ActionAnswer> {
    const startedAt = performance.now();
    const took = (): number => performance.now() - startedAt;
    try {
      const answer = await this.bulkheads.run(run.entry.dependsOn, next);
      this.circuits.report(permits, took(), run.isOperation ? handedOver : () => 'good');
      return answer;
    } catch (error) {
      if (error instanceof AppError && error.code === 'TIMEOUT') run.abort.abort(error);
      this.circuits.report(permits, took(), (dependency) => resultOf(error, dependency));
      throw error;
    }
  }
}

/** An operation has been written down, and nothing else of what it needs was called; its run tells of that. */
function handedOver(dependency: Dependency): CallResult {
  return dependency === 'postgres' ? 'good' : 'none';
}

function permitted(run: Run, admission: Admission): Permit[] {
  if ('refusedBy' in admission) {
    const { refusedBy, forced } = admission;
    run.note('open', forced ? `${refusedBy}, forced` : refusedBy);
    throw refused(admission);
  }
  const probe = admission.permits.some(({ shared, own }) => shared?.probe || own?.probe);
  run.note(probe ? 'probe' : 'closed', run.entry.dependsOn.join(', '));
  return admission.permits;
}

function refused({ refusedBy, retryInMs, forced }: Refusal): AppError {
  const message = forced
    ? `An operator holds back all calls of ${refusedBy}.`
    : `${refusedBy} has failed too often and is given a rest.`;
  return new AppError('CIRCUIT_OPEN', message, { retryAfterS: Math.max(1, Math.ceil(retryInMs / 1000)) });
}
