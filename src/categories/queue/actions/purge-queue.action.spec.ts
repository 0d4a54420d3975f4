import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import type { PurgeRun } from '../purge-run';
import { PurgeQueue, PurgeQueueHandler } from './purge-queue.action';

function recording() {
  const calls: unknown[] = [];
  const purge = {
    preview: (...args: unknown[]) => Promise.resolve(void calls.push(['preview', ...args])),
    run: (names: string[], hours: number) => Promise.resolve(void calls.push(['run', names, hours])),
  } as unknown as PurgeRun;
  return { purge, calls };
}
const context = {} as ActionContext;

describe('queue.purge', () => {
  it('is about one queue, and all that failed in it unless it is told otherwise', async () => {
    const { purge, calls } = recording();
    const handler = new PurgeQueueHandler(purge);
    const command = Object.assign(new PurgeQueue(), { queue: 'packager', context });
    await handler.preview(command);
    await handler.execute(Object.assign(command, { older_than_hours: 2 }));
    expect(calls).toEqual([
      ['preview', ['packager'], 0],
      ['run', ['packager'], 2],
    ]);
  });
});
