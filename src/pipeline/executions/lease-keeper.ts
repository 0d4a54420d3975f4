import { Inject, Injectable, Logger } from '@nestjs/common';
import type { Claim } from './execution';
import { ExecutionStore } from './execution-store';
import { ExecutionTiming } from './timing';
import { reasonOf } from '../../platform/errors/unavailable';

/** Why a run was ended from outside. */
export class ClaimLost extends Error {
  override name = 'ClaimLost';
}

/** Keeps claims alive while their work goes on. */
@Injectable()
export class LeaseKeeper {
  private readonly log = new Logger(LeaseKeeper.name);

  constructor(
    @Inject(ExecutionStore) private readonly store: ExecutionStore,
    @Inject(ExecutionTiming) private readonly timing: ExecutionTiming,
  ) {}

  /** Renews the claim until the answer is called. Aborts the work if the claim is lost to another. */
  keep(claim: Claim, leaseS: number, abort: AbortController): () => void {
    const timer = setInterval(() => {
      this.store.renew(claim, leaseS).then(
        (held) => {
          if (!held) abort.abort(new ClaimLost());
        },
        // Tried again in a moment; if Postgres stays away the lease ends, and the fence keeps us out.
        (error: Error) =>
          this.log.warn(`Claim ${claim.executionId} could not be renewed: ${reasonOf(error)}`),
      );
    }, this.timing.renewEveryMs(leaseS));
    timer.unref();
    return () => clearInterval(timer);
  }
}
