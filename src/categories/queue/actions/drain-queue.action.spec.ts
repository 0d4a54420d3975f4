import type { QueueAdmin } from '../../../media/flow/queues/queue-admin.service';
import type {
  DrainBegun,
  DrainOptions,
  DrainOutcome,
  QueueDraining,
} from '../../../media/flow/queues/queue-draining';
import type { QueueStanding } from '../../../media/flow/queues/queue-state';
import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import { NO_CHECKPOINT } from '../../../pipeline/catalogue/checkpoint';
import { DrainQueue, DrainQueueHandler } from './drain-queue.action';

const RUNNING: QueueStanding = { paused: false, drain: null };

function setUp(standing: QueueStanding, outcome: Partial<DrainOutcome> = {}) {
  const runs: DrainOptions[] = [];
  const queues = {
    assertExists: () => undefined,
    standing: () => Promise.resolve(standing),
  } as unknown as QueueAdmin;
  const draining = {
    before: () => Promise.resolve({ waiting: 3, active: 2 }),
    run: (_queue: string, options: DrainOptions) => {
      runs.push(options);
      return Promise.resolve({ state: 'drained', total: 5, left: { waiting: 0, active: 0 }, ...outcome });
    },
  } as unknown as QueueDraining;
  return { handler: new DrainQueueHandler(queues, draining), runs };
}

const command = (context: Partial<ActionContext> = {}) =>
  Object.assign(new DrainQueue(), {
    queue: 'packager',
    context: {
      progress: () => undefined,
      checkpoint: NO_CHECKPOINT,
      signal: new AbortController().signal,
      ...context,
    } as ActionContext,
  });

describe('queue.drain', () => {
  it('previews what has to come to its end first, and warns of a queue of which nothing will', async () => {
    const effects = [
      {
        target: 'packager',
        effect: 'takes nothing new in; 3 waiting and 2 running steps are finished first',
      },
    ];
    expect(await setUp(RUNNING).handler.preview(command())).toEqual({
      selection: [{ id: 'packager', state: 'running' }],
      effects,
      warnings: [],
    });
    const paused = await setUp({ ...RUNNING, paused: true }).handler.preview(command());
    expect(paused).toMatchObject({ selection: [{ state: 'paused' }], effects });
    expect(paused.warnings).toHaveLength(1);
  });

  it('refuses a queue that drains already, and one that is not as it was shown', async () => {
    const twice = setUp({ paused: false, drain: 'drained' });
    await expect(twice.handler.preview(command())).rejects.toMatchObject({ code: 'ALREADY_DRAINING' });
    await expect(twice.handler.execute(command())).rejects.toMatchObject({ code: 'ALREADY_DRAINING' });
    const changed = setUp(RUNNING);
    const selection = [{ id: 'packager', state: 'paused' }];
    await expect(changed.handler.execute(command({ selection }))).rejects.toMatchObject({ code: 'CONFLICT' });
    expect([...twice.runs, ...changed.runs]).toEqual([]);
  });

  it('says how it went', async () => {
    const { handler, runs } = setUp(RUNNING, { state: 'draining', left: { waiting: 1, active: 1 } });
    expect(await handler.execute(command())).toEqual({
      queue: 'packager',
      state: 'draining',
      finished: 3,
      left: { waiting: 1, active: 1 },
    });
    expect(runs).toMatchObject([{ timeoutS: 300, from: undefined }]);
  });

  it('goes on watching the drain that an earlier run began, whatever the preview had shown', async () => {
    const from: DrainBegun = { since: 'then', total: 5 };
    const { handler, runs } = setUp({ paused: false, drain: 'draining' });
    const checkpoint = { ...NO_CHECKPOINT, resume: () => from as never };
    const selection = [{ id: 'packager', state: 'running' }];
    expect(await handler.execute(command({ checkpoint, selection }))).toMatchObject({ finished: 5 });
    expect(runs).toMatchObject([{ from }]);
  });

  it('says what is left when it is stopped', async () => {
    const { handler } = setUp(RUNNING, { state: 'draining', left: { waiting: 4, active: 0 } });
    await expect(handler.execute(command({ signal: AbortSignal.abort() }))).rejects.toMatchObject({
      report: { done: 1, not_done: 4, state: 'draining' },
    });
  });
});
