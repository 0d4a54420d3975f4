import { Inject, Injectable } from '@nestjs/common';
import { AppError } from '../../platform/errors/app-error';
import { ActionNetworks } from '../access/action-networks';
import { SecurityEvents } from '../audit/security-events';
import type { ActionAnswer, Run, Stage } from '../run';

/** Lets an action through only from the networks that settings give it, besides those of the admin side. */
@Injectable()
export class AddressStage implements Stage {
  readonly name = 'address';

  constructor(
    @Inject(ActionNetworks) private readonly networks: ActionNetworks,
    @Inject(SecurityEvents) private readonly security: SecurityEvents,
  ) {}

  handle(run: Run, next: () => Promise<ActionAnswer>): Promise<ActionAnswer> {
    // Users do what they do with what is theirs from wherever they are.
    if (run.call.scope === 'own') {
      run.note('not asked', 'a route of the user API');
      return next();
    }
    const decision = this.networks.decide(run.entry.name, run.call.origin.ip);
    run.note(decision.allowed ? 'allowed' : 'denied', decision.rule);
    return decision.allowed ? next() : this.refuse(run);
  }

  private async refuse(run: Run): Promise<never> {
    // The denial goes into the audit with the run; what is left to do is to raise the alarm.
    await this.security.alert({
      kind: 'ip_denied',
      message: `${run.entry.name} was asked for from an address that is not allowed.`,
      userId: run.actor.userId,
      origin: run.call.origin,
    });
    throw new AppError('IP_NOT_ALLOWED', 'This action may not be run from this address.');
  }
}
