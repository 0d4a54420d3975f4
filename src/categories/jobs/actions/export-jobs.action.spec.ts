import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import { validatePayload, payloadErrors } from '../../../pipeline/catalogue/payload-validator';
import type { ExportedFile } from '../../../pipeline/exports/export-writer';
import type { JobExportOrder } from '../job-export-sql';
import type { JobExporter } from '../job-exporter';
import { ExportJobs, ExportJobsHandler } from './export-jobs.action';

describe('job.export', () => {
  it('exports everything as CSV if nothing else is asked for', async () => {
    const orders: JobExportOrder[] = [];
    const exporter = {
      export: (order: JobExportOrder) => {
        orders.push(order);
        return Promise.resolve({} as ExportedFile);
      },
    } as unknown as JobExporter;
    const validated = validatePayload(ExportJobs, {});
    if (!('command' in validated)) throw new Error('an empty payload was refused');
    const command = Object.assign(validated.command as ExportJobs, { context: {} as ActionContext });
    await new ExportJobsHandler(exporter).execute(command);
    expect(orders).toEqual([{ filter: {}, format: 'csv', includeSteps: false }]);
  });

  it.each([
    [{ filter: { status: ['done'] } }, 'payload.filter.status'],
    [{ filter: { status: [] } }, 'payload.filter.status'],
    [{ filter: { user_id: 'me' } }, 'payload.filter.user_id'],
    [{ filter: { created_after: 'yesterday' } }, 'payload.filter.created_after'],
    [{ filter: { limit: 0 } }, 'payload.filter.limit'],
    [{ filter: { limit: 100_001 } }, 'payload.filter.limit'],
    [{ filter: { nonsense: 1 } }, 'payload.filter.nonsense'],
    [{ filter: [] }, 'payload.filter'],
    [{ format: 'xlsx' }, 'payload.format'],
    [{ include_steps: 'yes' }, 'payload.include_steps'],
  ])('refuses %j', (payload, path) => {
    expect(payloadErrors(ExportJobs, payload).map((error) => error.path)).toContain(path);
  });
});
