import type { JobDeletion } from '../../../media/jobs/job-deletion';
import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import { DeleteJob, DeleteJobHandler } from './delete-job.action';

function setUp(status: string, force: boolean, selection?: ActionContext['selection']) {
  const calls: string[] = [];
  const note = (name: string) => () => Promise.resolve(void calls.push(name));
  const deletion = {
    belongings: () => Promise.resolve({ job_id: 'j1', status, steps: 2, clips: 1, files: 3 }),
    end: note('end'),
    remove: note('remove'),
    announce: note('announce'),
  } as unknown as JobDeletion;
  const transaction = async (work: (tx: never) => Promise<unknown>) => work(undefined as never);
  const context = { selection, transaction } as unknown as ActionContext;
  const command = Object.assign(new DeleteJob(), { job_id: 'j1', force, context });
  return { calls, command, handler: new DeleteJobHandler(deletion) };
}

describe('job.delete', () => {
  it('shows what would go, and that what is not finished stays without force', async () => {
    const finished = setUp('failed', false);
    expect(await finished.handler.preview(finished.command)).toEqual({
      selection: [{ id: 'j1', state: 'failed' }],
      effects: [{ target: 'j1', effect: 'the failed job goes, with 2 steps, 1 clips and 3 files' }],
      warnings: [],
    });
    const running = setUp('processing', false);
    expect(await running.handler.preview(running.command)).toMatchObject({ selection: [], effects: [] });
    const forced = setUp('processing', true);
    expect((await forced.handler.preview(forced.command)).selection).toHaveLength(1);
    expect([...finished.calls, ...running.calls, ...forced.calls]).toEqual([]);
  });

  it.each([
    [false, ['remove', 'announce']],
    [true, ['end', 'remove', 'announce']],
  ])('with force %s does %j', async (force, expected) => {
    const { calls, command, handler } = setUp('failed', force);
    await handler.execute(command);
    expect(calls).toEqual(expected);
  });

  it('leaves a job alone that is not what the preview showed', async () => {
    const { calls, command, handler } = setUp('queued', true, [{ id: 'j1', state: 'failed' }]);
    await expect(handler.execute(command)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(calls).toEqual([]);
  });
});
