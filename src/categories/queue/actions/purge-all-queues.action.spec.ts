import type { QueueAdmin } from '../../../media/flow/queues/queue-admin.service';
import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import type { PurgeRun } from '../purge-run';
import { PurgeAllQueues, PurgeAllQueuesHandler } from './purge-all-queues.action';

describe('dashboard.queue_purge', () => {
  it('is about every queue, and what failed before yesterday unless it is told otherwise', async () => {
    const calls: unknown[] = [];
    const purge = {
      preview: (names: string[], hours: number) =>
        Promise.resolve(void calls.push(['preview', names, hours])),
      run: (names: string[], hours: number) => Promise.resolve(void calls.push(['run', names, hours])),
    } as unknown as PurgeRun;
    const queues = { list: () => ['inspector', 'packager'] } as unknown as QueueAdmin;
    const handler = new PurgeAllQueuesHandler(queues, purge);
    const command = Object.assign(new PurgeAllQueues(), { context: {} as ActionContext });
    await handler.preview(command);
    await handler.execute(command);
    expect(calls).toEqual([
      ['preview', ['inspector', 'packager'], 24],
      ['run', ['inspector', 'packager'], 24],
    ]);
  });
});
