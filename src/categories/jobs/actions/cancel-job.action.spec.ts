import type { JobsService } from '../../../media/jobs/jobs.service';
import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import { CancelJob, CancelJobHandler } from './cancel-job.action';

describe('job.cancel', () => {
  it.each([undefined, 'u1'])('cancels with the reason, on what belongs to %s', async (ownerId) => {
    const calls: unknown[] = [];
    const cancel = (jobId: string, options: object) => {
      calls.push([jobId, options]);
      return Promise.resolve({ job_id: jobId, status: 'cancelled' as const });
    };
    const handler = new CancelJobHandler({ cancel } as unknown as JobsService);
    const context = { ownerId, reason: 'not needed' } as ActionContext;
    const result = await handler.execute(Object.assign(new CancelJob(), { job_id: 'j1', context }));
    expect(result).toEqual({ job_id: 'j1', status: 'cancelled' });
    expect(calls).toEqual([['j1', { ownerId, reason: 'not needed' }]]);
  });
});
