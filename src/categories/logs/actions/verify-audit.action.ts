import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import type { Verification } from '../../../pipeline/audit/verify/verification';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { ActionHandler } from '../../../pipeline/catalogue/action-handler';
import { AuditCheck } from '../audit-check';

@Action({
  name: 'logs.verify_audit',
  views: ['system-logs'],
  risk: 'standard',
  mode: 'operation',
  roles: ['supervisor'],
  dependsOn: ['postgres'],
  summary: 'Verify the audit',
  description:
    'Recomputes every seal, compares the chain with its checkpoints outside Postgres, and names the first entry that was changed, removed or slipped in. Succeeds also when the audit was tampered with: intact says so.',
  errors: [],
  example: {},
  since: '1.0',
})
export class VerifyAudit extends ActionCommand<Verification> {}

@CommandHandler(VerifyAudit)
export class VerifyAuditHandler implements ActionHandler<VerifyAudit> {
  constructor(@Inject(AuditCheck) private readonly check: AuditCheck) {}

  execute({ context }: VerifyAudit): Promise<Verification> {
    return this.check.run(context);
  }
}
