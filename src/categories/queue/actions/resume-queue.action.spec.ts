import type { QueueAdmin } from '../../../media/flow/queues/queue-admin.service';
import { ResumeQueue, ResumeQueueHandler } from './resume-queue.action';

describe('queue.resume', () => {
  it('resumes, and not pauses, the queue that it is given', async () => {
    const resumed: string[] = [];
    const resume: QueueAdmin['resume'] = (queue) => {
      resumed.push(queue);
      return Promise.resolve([{ queue, changed: true, paused: false }]);
    };
    const handler = new ResumeQueueHandler({ resume } as QueueAdmin);
    const result = await handler.execute(Object.assign(new ResumeQueue(), { queue: 'packager' }));
    expect(resumed).toEqual(['packager']);
    expect(result).toMatchObject({ queue: 'packager', paused: false, changed: true });
  });
});
