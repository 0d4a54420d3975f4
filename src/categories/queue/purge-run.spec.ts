import type { QueueAdmin } from '../../media/flow/queues/queue-admin.service';
import type { PurgeOptions, QueuePurging } from '../../media/flow/queues/queue-purging';
import type { ActionContext } from '../../pipeline/catalogue/action-command';
import { AppError } from '../../platform/errors/app-error';
import { PurgeRun } from './purge-run';

const NOW = '2026-01-01T12:00:00.000Z';

function setUp(context: Partial<ActionContext> & { begun?: object } = {}, whole = true) {
  const runs: [string, string, object | undefined][] = [];
  const saved: object[] = [];
  const queues = {
    assertExists: (name: string) => {
      if (name === 'nosuch') throw new AppError('QUEUE_NOT_FOUND');
    },
  } as unknown as QueueAdmin;
  const purging = {
    cutoff: () => Promise.resolve(NOW),
    failed: () => Promise.resolve(new Map([['b', 7]])),
    run: async (queue: string, { before, from, onPurged }: PurgeOptions) => {
      runs.push([queue, before, from]);
      const state = { queue, purged: 2, removed_entries: 1, found: 1 };
      await onPurged(state);
      return { ...state, whole };
    },
  } as unknown as QueuePurging;
  const run = new PurgeRun(queues, purging);
  const checkpoint = {
    resume: () => context.begun as never,
    save: (state: object) => Promise.resolve(void saved.push(state)),
  };
  const signal = new AbortController().signal;
  const full = { progress: () => undefined, checkpoint, signal, ...context } as unknown as ActionContext;
  return { run, runs, saved, context: full };
}

describe('purging queues', () => {
  it('previews how much would go, and freezes the time before which it does', async () => {
    const preview = await setUp().run.preview(['a', 'b'], 0);
    expect(preview.selection).toEqual([
      { id: 'a', state: NOW },
      { id: 'b', state: NOW },
    ]);
    expect(preview.effects.map(({ effect }) => effect.split(' ')[0])).toEqual(['0', '7']);
    await expect(setUp().run.preview(['nosuch'], 0)).rejects.toMatchObject({ code: 'QUEUE_NOT_FOUND' });
  });

  it('goes over them one after the other, and adds up', async () => {
    const { run, runs, saved, context } = setUp();
    expect(await run.run(['a', 'b'], 0, context)).toEqual({
      before: NOW,
      purged: 4,
      removed_entries: 2,
      queues: [
        { queue: 'a', purged: 2, removed_entries: 1 },
        { queue: 'b', purged: 2, removed_entries: 1 },
      ],
    });
    expect(runs.map(([queue]) => queue)).toEqual(['a', 'b']);
    expect(saved).toMatchObject([{ whole: 0 }, { whole: 1 }, { whole: 1 }, { whole: 2 }]);
  });

  it('with a preview keeps to its time and its queues', async () => {
    const selection = [{ id: 'a', state: '2025-12-31T00:00:00.000Z' }];
    const { run, runs, context } = setUp({ selection });
    await run.run(['a', 'b'], 0, context);
    expect(runs).toEqual([['a', '2025-12-31T00:00:00.000Z', undefined]]);
  });

  it('goes on where an earlier run was', async () => {
    const targets = ['a', 'b', 'c'].map((id) => ({ id, state: NOW }));
    const done = ['a', 'b'].map((queue) => ({ queue, purged: 5, removed_entries: 0, found: 0 }));
    const { run, runs, context } = setUp({ begun: { targets, done, whole: 1 } });
    expect(await run.run(['a', 'b', 'c'], 0, context)).toMatchObject({ purged: 9 });
    expect(runs).toEqual([
      ['b', NOW, done[1]],
      ['c', NOW, undefined],
    ]);
  });

  it('says what is done and what is not when it is stopped', async () => {
    const { run, context } = setUp({ signal: AbortSignal.abort() }, false);
    await expect(run.run(['a', 'b'], 0, context)).rejects.toMatchObject({
      report: { done: 0, not_done: 2, purged: 2 },
    });
  });
});
