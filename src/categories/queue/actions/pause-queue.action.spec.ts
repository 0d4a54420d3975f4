import type { QueueAdmin } from '../../../media/flow/queues/queue-admin.service';
import { AppError } from '../../../platform/errors/app-error';
import { PauseQueue, PauseQueueHandler } from './pause-queue.action';

const command = (queue: string) => Object.assign(new PauseQueue(), { queue });
const handlerOver = (pause: QueueAdmin['pause']) => new PauseQueueHandler({ pause } as QueueAdmin);

describe('queue.pause', () => {
  it('says whether anything changed', async () => {
    const handler = handlerOver((queue) => Promise.resolve([{ queue, changed: false, paused: true }]));
    expect(await handler.execute(command('packager'))).toEqual({
      queue: 'packager',
      paused: true,
      changed: false,
      queues: [{ queue: 'packager', changed: false, paused: true }],
    });
  });

  it('has changed something if any of all queues did', async () => {
    const handler = handlerOver(() =>
      Promise.resolve([
        { queue: 'inspector', changed: false, paused: true },
        { queue: 'packager', changed: true, paused: true },
      ]),
    );
    expect(await handler.execute(command('all'))).toMatchObject({ queue: 'all', changed: true });
  });

  it('passes on that there is no such queue', async () => {
    const handler = handlerOver(() => Promise.reject(new AppError('QUEUE_NOT_FOUND')));
    await expect(handler.execute(command('nowhere'))).rejects.toMatchObject({ code: 'QUEUE_NOT_FOUND' });
  });
});
