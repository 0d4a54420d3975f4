import type { QueueAdmin } from '../../../media/flow/queues/queue-admin.service';
import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import { NO_CHECKPOINT } from '../../../pipeline/catalogue/checkpoint';
import type { FrozenItem } from '../../../pipeline/preview/preview';
import type { QueueContents } from '../queue-contents';
import { ClearQueue, ClearQueueHandler } from './clear-queue.action';

type ClearOptions = NonNullable<Parameters<QueueAdmin['clear']>[1]>;

function handlerWith(waiting: FrozenItem[], active = 0) {
  const cleared: ClearOptions[] = [];
  const queues = {
    counts: () =>
      Promise.resolve({
        packager: { waiting: waiting.length, active, delayed: 0, failed: 0, paused: false },
      }),
    clear: (_queue: string, options: ClearOptions) => {
      cleared.push(options);
      return Promise.resolve({
        cancelled_jobs: options.jobs?.length ?? waiting.length,
        failed_jobs: 0,
        removed_entries: 0,
        left: options.signal?.aborted ? 1 : 0,
      });
    },
  } as unknown as QueueAdmin;
  const contents = { waiting: () => Promise.resolve(waiting) } as unknown as QueueContents;
  return { handler: new ClearQueueHandler(queues, contents), cleared };
}

const command = (context: Partial<ActionContext> = {}) =>
  Object.assign(new ClearQueue(), {
    queue: 'packager',
    context: { progress: () => undefined, checkpoint: NO_CHECKPOINT, ...context } as ActionContext,
  });
const A = { id: 'a', state: '1:0' };
const B = { id: 'b', state: '1:0' };

describe('queue.clear', () => {
  it('previews every job that it would cancel, and touches none', async () => {
    const { handler, cleared } = handlerWith([A, B], 1);
    const preview = await handler.preview(command());
    expect(preview.selection).toEqual([A, B]);
    expect(preview.effects).toEqual([
      { target: 'a', effect: 'the job becomes cancelled' },
      { target: 'b', effect: 'the job becomes cancelled' },
    ]);
    expect(preview.warnings).toEqual(['1 steps of this queue are running; they go on.']);
    expect(cleared).toEqual([]);
  });

  it('without a preview clears what there is, with the reason', async () => {
    const { handler, cleared } = handlerWith([A, B]);
    expect(await handler.execute(command({ reason: 'spring' }))).toEqual({
      queue: 'packager',
      cancelled_jobs: 2,
      failed_jobs: 0,
      removed_entries: 0,
    });
    expect(cleared).toMatchObject([{ reason: 'spring', jobs: undefined }]);
  });

  it('with one touches what was shown as it was then, and says what has changed', async () => {
    const { handler, cleared } = handlerWith([A, { ...B, state: '2:0' }, { id: 'c', state: '1:0' }]);
    const selection = [A, B, { id: 'd', state: '1:0' }];
    const result = await handler.execute(command({ selection }));
    expect(cleared).toMatchObject([{ jobs: selection }]);
    expect(result.since_preview).toEqual({ added: 1, changed: 1, gone: 1 });
  });

  it('goes on where an earlier run was, with what that had found', async () => {
    const clearing = { cancelled_jobs: 4, removed_entries: 4, until: 'now', at: 1, total: 9 };
    const since_preview = { added: 0, changed: 0, gone: 2 };
    const checkpoint = { ...NO_CHECKPOINT, resume: () => ({ clearing, since_preview }) as never };
    const { handler, cleared } = handlerWith([B]);
    const result = await handler.execute(command({ selection: [A, B], checkpoint }));
    expect(cleared).toMatchObject([{ from: clearing, jobs: [A, B] }]);
    expect(result.since_preview).toEqual(since_preview);
  });

  it('says what is done and what is not when it is stopped', async () => {
    const { handler } = handlerWith([A, B]);
    await expect(handler.execute(command({ signal: AbortSignal.abort() }))).rejects.toMatchObject({
      report: { done: 2, not_done: 1, queue: 'packager' },
    });
  });
});
