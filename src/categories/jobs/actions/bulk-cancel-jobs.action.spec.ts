import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import { payloadErrors } from '../../../pipeline/catalogue/payload-validator';
import type { JobsInBulk } from '../bulk/jobs-in-bulk';
import { BulkCancelJobs, BulkCancelJobsHandler } from './bulk-cancel-jobs.action';

const ID = '01890a5d-ac96-774b-bcce-b302099a8057';

describe('job.bulk_cancel', () => {
  it('passes on which jobs are meant', async () => {
    const calls: unknown[] = [];
    const jobs = {
      cancel: (...args: unknown[]) => Promise.resolve(calls.push(args)),
      previewCancel: (...args: unknown[]) => Promise.resolve(calls.push(args)),
    } as unknown as JobsInBulk;
    const handler = new BulkCancelJobsHandler(jobs);
    const context = {} as ActionContext;
    await handler.execute(Object.assign(new BulkCancelJobs(), { job_ids: [ID], context }));
    await handler.preview(Object.assign(new BulkCancelJobs(), { filter: { status: ['failed'] }, context }));
    expect(calls).toEqual([[{ jobIds: [ID] }, context], [{ filter: { status: ['failed'] } }]]);
  });

  it.each([
    [{}, 'payload.job_ids'],
    [{ job_ids: [ID], filter: { status: ['failed'] } }, 'payload.filter'],
    [{ filter: {} }, 'payload.filter'],
    [{ filter: { limit: 10 } }, 'payload.filter'],
    [{ job_ids: [] }, 'payload.job_ids'],
    [{ job_ids: ['1'] }, 'payload.job_ids'],
    [{ job_ids: Array(10_001).fill(ID) }, 'payload.job_ids'],
    [{ filter: null }, 'payload.filter'],
  ])('refuses %j', (payload, path) => {
    expect(payloadErrors(BulkCancelJobs, payload).map((error) => error.path)).toContain(path);
  });
});
