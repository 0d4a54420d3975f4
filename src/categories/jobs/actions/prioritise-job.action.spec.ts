import type { JobPriority } from '../../../media/jobs/job-priority';
import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import { payloadErrors } from '../../../pipeline/catalogue/payload-validator';
import type { Tx } from '../../../platform/postgres/db';
import { PrioritiseJob, PrioritiseJobHandler } from './prioritise-job.action';

const TX = {} as Tx;

describe('job.priority', () => {
  it('is set in the transaction of its outcome, and Bull follows after the commit', async () => {
    const order: unknown[] = [];
    const priorities = {
      set: (tx: Tx, ...rest: unknown[]) => {
        order.push([tx === TX, ...rest]);
        return Promise.resolve({ job_id: 'j1' });
      },
      follow: (jobId: string) => {
        order.push(`follow ${jobId}`);
        return Promise.resolve();
      },
    } as unknown as JobPriority;
    const context = {
      ownerId: 'u1',
      transaction: async (work: (tx: Tx) => Promise<unknown>) => {
        const result = await work(TX);
        order.push('commit');
        return result;
      },
    } as ActionContext;
    const command = Object.assign(new PrioritiseJob(), { job_id: 'j1', priority: 2, context });
    expect(await new PrioritiseJobHandler(priorities).execute(command)).toEqual({ job_id: 'j1' });
    expect(order).toEqual([[true, 'j1', 2, 'u1'], 'commit', 'follow j1']);
  });

  it.each([0, 11, 1.5, '1', null])('refuses the priority %j', (priority) => {
    const payload = { job_id: '01890a5d-ac96-774b-bcce-b302099a8057', priority };
    expect(payloadErrors(PrioritiseJob, payload).map((error) => error.path)).toContain('payload.priority');
  });
});
