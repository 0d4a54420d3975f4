import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import { payloadErrors, validatePayload } from '../../../pipeline/catalogue/payload-validator';
import type { ExportedFile } from '../../../pipeline/exports/export-writer';
import type { AuditExporter, AuditExportOrder } from '../audit-exporter';
import { ExportAudit, ExportAuditHandler } from './export-audit.action';

describe('logs.export_audit', () => {
  it('exports everything so that it can be verified, if nothing else is asked for', async () => {
    const orders: AuditExportOrder[] = [];
    const exporter = {
      export: (order: AuditExportOrder) => {
        orders.push(order);
        return Promise.resolve({} as ExportedFile);
      },
    } as unknown as AuditExporter;
    const validated = validatePayload(ExportAudit, {});
    if (!('command' in validated)) throw new Error('an empty payload was refused');
    const command = Object.assign(validated.command as ExportAudit, { context: {} as ActionContext });
    await new ExportAuditHandler(exporter).execute(command);
    expect(orders).toEqual([{ after: null, before: null, format: 'ndjson' }]);
  });

  it.each([
    [{ format: 'xlsx' }, 'payload.format'],
    [{ after: 'yesterday' }, 'payload.after'],
    [{ before: 5 }, 'payload.before'],
    [{ limit: 5 }, 'payload.limit'],
  ])('refuses %j', (payload, path) => {
    expect(payloadErrors(ExportAudit, payload).map((error) => error.path)).toContain(path);
  });
});
