import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import { declarationOf } from '../../../pipeline/catalogue/action.decorator';
import type { OperationAborts } from '../../../pipeline/operations/operation-aborts';
import { AbortOperation, AbortOperationHandler } from './abort-operation.action';

describe('system.abort_operation', () => {
  it.each([
    ["anybody's", undefined],
    ['only their own', 'u1'],
  ])('stops %s operation, in the name of the actor', async (_whose, ownerId) => {
    const asked: unknown[][] = [];
    const answer = { execution_id: 'e1', action: 'job.export', status: 'aborted', result: null };
    const aborts = {
      abort: (...args: unknown[]) => {
        asked.push(args);
        return Promise.resolve(answer);
      },
    } as unknown as OperationAborts;
    const context = { actor: { userId: 'u1' }, ownerId } as ActionContext;
    const command = Object.assign(new AbortOperation(), { execution_id: 'e1', context });
    expect(await new AbortOperationHandler(aborts).execute(command)).toBe(answer);
    expect(asked).toEqual([['e1', 'u1', ownerId]]);
  });

  it('is for anybody on what is theirs', () => {
    expect(declarationOf(AbortOperation)?.anyoneOnOwn).toBe(true);
  });
});
