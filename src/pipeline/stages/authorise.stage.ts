import { Inject, Injectable } from '@nestjs/common';
import { AppError } from '../../platform/errors/app-error';
import { PermissionsService } from '../access/permissions.service';
import type { ActionAnswer, Run, Stage } from '../run';

/** Lets an action through only to those who hold its permission, or on what is theirs. */
@Injectable()
export class AuthoriseStage implements Stage {
  readonly name = 'authorise';

  constructor(@Inject(PermissionsService) private readonly permissions: PermissionsService) {}

  handle(run: Run, next: () => Promise<ActionAnswer>): Promise<ActionAnswer> {
    const decision = this.permissions.decide(run.actor, run.entry.name, run.call.scope);
    run.note(decision.allowed ? 'allowed' : 'denied', decision.rule);
    if (!decision.allowed)
      throw new AppError('FORBIDDEN', 'Your role does not hold the permission for this action.');
    run.ownerId = decision.ownerId;
    return next();
  }
}
