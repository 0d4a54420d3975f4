import type { Verification } from '../../../pipeline/audit/verify/verification';
import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import type { AuditCheck } from '../audit-check';
import { VerifyAudit, VerifyAuditHandler } from './verify-audit.action';

describe('logs.verify_audit', () => {
  it('answers what the verification came to, under the context that can end it', async () => {
    const result = { intact: false } as Verification;
    const context = { executionId: 'x1' } as ActionContext;
    const run = jest.fn().mockResolvedValue(result);
    const handler = new VerifyAuditHandler({ run } as unknown as AuditCheck);
    expect(await handler.execute(Object.assign(new VerifyAudit(), { context }))).toBe(result);
    expect(run).toHaveBeenCalledWith(context);
  });
});
