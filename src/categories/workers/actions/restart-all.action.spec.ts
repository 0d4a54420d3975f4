import type { RuntimeService } from '../../../fleet/runtime-driver';
import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import type { RestartState, RollingRestart } from '../rolling-restart';
import { RestartAllWorkers, RestartAllWorkersHandler } from './restart-all.action';

const service = (name: string, since = 'a', pool = 'default') => ({ name, since, pool }) as RuntimeService;

function setUp(found: RuntimeService[], context: Partial<ActionContext> = {}, kept?: RestartState) {
  const begun: RestartState[] = [];
  const restart = {
    targets: () => Promise.resolve(found),
    run: (state: RestartState) => {
      begun.push(state);
      return Promise.resolve({ ...state, restarted: state.targets });
    },
  } as unknown as RollingRestart;
  const checkpoint = { resume: () => kept, save: () => Promise.resolve() };
  const handler = new RestartAllWorkersHandler(restart);
  const command = Object.assign(new RestartAllWorkers(), { context: { checkpoint, ...context } });
  return { begun, execute: () => handler.execute(command), preview: () => handler.preview(command) };
}

describe('worker.restart_all', () => {
  it('restarts all that run', async () => {
    const { execute } = setUp([service('worker-1'), service('worker-2')]);
    expect(await execute()).toEqual({ pool: null, restarted: ['worker-1', 'worker-2'], stand_in: false });
  });

  it('previews them, and says when another one has to stand in', async () => {
    expect(await setUp([service('worker-1', 'b')]).preview()).toMatchObject({
      selection: [{ id: 'worker-1', state: 'b' }],
      warnings: [expect.stringContaining('stands in')],
    });
    const two = [service('worker-1'), service('worker-2')];
    expect((await setUp(two).preview()).warnings).toEqual([]);
    expect((await setUp([...two, service('worker-gpu-1', 'a', 'gpu')]).preview()).warnings).toEqual([
      expect.stringContaining('The pool gpu has only one'),
    ]);
  });

  it('touches only what a preview showed, as long as it was not started anew since', async () => {
    const selection = [
      { id: 'worker-1', state: 'a' },
      { id: 'worker-2', state: 'a' },
    ];
    const { execute } = setUp([service('worker-1'), service('worker-2', 'b'), service('worker-3')], {
      selection,
    });
    expect(await execute()).toMatchObject({ restarted: ['worker-1'], left_alone: 2 });
  });

  it('goes on where an earlier run was', async () => {
    const kept = { targets: ['worker-1', 'worker-2'], restarted: ['worker-1'], stand_ins: [] };
    const { begun, execute } = setUp([service('worker-9')], {}, kept);
    await execute();
    expect(begun).toEqual([kept]);
  });
});
