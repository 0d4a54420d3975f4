import type { PauseResult, QueueAdmin } from '../../../media/flow/queues/queue-admin.service';
import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import type { Tx } from '../../../platform/postgres/db';
import { ResumeQueue, ResumeQueueHandler } from './resume-queue.action';

const TX = {} as Tx;

describe('queue.resume', () => {
  it('resumes, and not pauses, the queue that it is given, in one transaction with its outcome', async () => {
    const order: string[] = [];
    const queues = {
      unchanged: () => Promise.resolve(undefined),
      resume: (queue: string, tx?: Tx) => {
        order.push(tx === TX ? `resume ${queue}` : 'resume outside of the transaction');
        return Promise.resolve([{ queue, changed: true, paused: false }]);
      },
      follow: (results: PauseResult[]) => {
        order.push(`follow ${results.map((result) => result.queue).join(', ')}`);
        return Promise.resolve();
      },
    } as unknown as QueueAdmin;
    const context = {
      transaction: async (work: (tx: Tx) => Promise<unknown>) => {
        const result = await work(TX);
        order.push('commit');
        return result;
      },
    } as ActionContext;
    const command = Object.assign(new ResumeQueue(), { queue: 'packager', context });
    const result = await new ResumeQueueHandler(queues).execute(command);
    expect(order).toEqual(['resume packager', 'commit', 'follow packager']);
    expect(result).toMatchObject({ queue: 'packager', paused: false, changed: true });
  });
});
