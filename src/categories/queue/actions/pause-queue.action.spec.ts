import type { PauseResult, QueueAdmin } from '../../../media/flow/queues/queue-admin.service';
import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import { AppError } from '../../../platform/errors/app-error';
import type { Tx } from '../../../platform/postgres/db';
import { PauseQueue, PauseQueueHandler } from './pause-queue.action';

const TX = {} as Tx;

function setUp(pause: (queue: string) => Promise<PauseResult[]>, unchanged?: PauseResult[]) {
  const order: string[] = [];
  const queues = {
    unchanged: () => Promise.resolve(unchanged),
    pause: (queue: string, tx?: Tx) => {
      order.push(tx === TX ? `pause ${queue}` : 'pause outside of the transaction');
      return pause(queue);
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
  const handler = new PauseQueueHandler(queues);
  const run = (queue: string) => handler.execute(Object.assign(new PauseQueue(), { queue, context }));
  return { order, run };
}

describe('queue.pause', () => {
  it('says whether anything changed', async () => {
    const { run } = setUp((queue) => Promise.resolve([{ queue, changed: false, paused: true }]));
    expect(await run('packager')).toEqual({
      queue: 'packager',
      paused: true,
      changed: false,
      queues: [{ queue: 'packager', changed: false, paused: true }],
    });
  });

  it('is recorded in one transaction with its outcome, and Bull follows after that', async () => {
    const { order, run } = setUp((queue) => Promise.resolve([{ queue, changed: true, paused: true }]));
    await run('packager');
    expect(order).toEqual(['pause packager', 'commit', 'follow packager']);
  });

  it('needs no transaction where all is as wanted', async () => {
    const results = [{ queue: 'packager', changed: false, paused: true }];
    const { order, run } = setUp(() => Promise.reject(new Error('was paused')), results);
    expect(await run('packager')).toMatchObject({ paused: true, changed: false, queues: results });
    expect(order).toEqual([]);
  });

  it('has changed something if any of all queues did', async () => {
    const { run } = setUp(() =>
      Promise.resolve([
        { queue: 'inspector', changed: false, paused: true },
        { queue: 'packager', changed: true, paused: true },
      ]),
    );
    expect(await run('all')).toMatchObject({ queue: 'all', changed: true });
  });

  it('passes on that there is no such queue', async () => {
    const { run } = setUp(() => Promise.reject(new AppError('QUEUE_NOT_FOUND')));
    await expect(run('nowhere')).rejects.toMatchObject({ code: 'QUEUE_NOT_FOUND' });
  });
});
