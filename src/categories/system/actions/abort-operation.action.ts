import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsUUID } from 'class-validator';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { ActionHandler } from '../../../pipeline/catalogue/action-handler';
import { Recorded } from '../../../pipeline/catalogue/fields';
import { type AbortResult, OperationAborts } from '../../../pipeline/operations/operation-aborts';

@Action({
  name: 'system.abort_operation',
  views: ['system-controls'],
  risk: 'standard',
  mode: 'sync',
  roles: ['operator'],
  anyoneOnOwn: true,
  dependsOn: ['postgres'],
  summary: 'Stop an operation',
  description:
    'Stops a running operation at its next safe point, within 2 s, and says what was done and what was not; one that nobody runs yet is closed at once. What is done stays done. An operation that does all of its work before it notices has succeeded. Anybody may stop what they have started themselves.',
  errors: ['EXECUTION_NOT_FOUND', 'EXECUTION_FINISHED', 'NOT_ABORTABLE'],
  example: { execution_id: '01890a5d-ac96-774b-bcce-b302099a8057' },
  since: '1.0',
})
export class AbortOperation extends ActionCommand<AbortResult> {
  /** The operation to stop. */
  @IsUUID()
  @Recorded()
  execution_id!: string;
}

@CommandHandler(AbortOperation)
export class AbortOperationHandler implements ActionHandler<AbortOperation> {
  constructor(@Inject(OperationAborts) private readonly aborts: OperationAborts) {}

  execute({ execution_id, context }: AbortOperation): Promise<AbortResult> {
    return this.aborts.abort(execution_id, context.actor.userId, context.ownerId);
  }
}
