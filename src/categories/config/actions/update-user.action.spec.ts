import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import type { Tx } from '../../../platform/postgres/db';
import { verifyPassword } from '../../../platform/security/passwords';
import type { AccountAlerts } from '../accounts/account-alerts';
import type { Account, AccountChange, Accounts } from '../accounts/accounts';
import { UpdateUser, UpdateUserHandler } from './update-user.action';

const BEFORE: Account = { id: 'u2', email: 'a@example.com', role: 'operator', enabled: true, version: 3 };

function setUp({ lastAdmin = false } = {}) {
  const changes: AccountChange[] = [];
  const order: string[] = [];
  const accounts = {
    get: () => Promise.resolve(BEFORE),
    wouldLeaveNoAdmin: () => Promise.resolve(lastAdmin),
    change: (_tx: Tx, _id: string, change: AccountChange) => {
      changes.push(change);
      return Promise.resolve(2);
    },
  } as unknown as Accounts;
  const alerts = {
    changed: () => Promise.resolve(void order.push('told')),
  } as unknown as AccountAlerts;
  const context = {
    actor: { userId: 'u1' },
    transaction: async (work: (tx: Tx) => Promise<unknown>) => {
      const result = await work({} as Tx);
      order.push('commit');
      return result;
    },
  } as ActionContext;
  const command = (payload: Partial<UpdateUser>, more: Partial<ActionContext> = {}) =>
    Object.assign(new UpdateUser(), { user_id: 'u2' }, payload, { context: { ...context, ...more } });
  return { handler: new UpdateUserHandler(accounts, alerts), command, changes, order };
}

describe('config.update_user', () => {
  it('changes what is given, and tells after the commit', async () => {
    const { handler, command, changes, order } = setUp();
    const answer = await handler.execute(command({ role: 'readonly' }));
    expect(answer).toEqual({ user_id: 'u2', role: 'operator', enabled: true, ended_sessions: 2 });
    expect(changes).toEqual([{ role: 'readonly' }]);
    expect(order).toEqual(['commit', 'told']);
  });

  it('hands a password on as its hash only', async () => {
    const { handler, command, changes } = setUp();
    await handler.execute(command({ password: 'correct horse battery' }));
    expect(JSON.stringify(changes)).not.toContain('horse');
    expect(await verifyPassword(changes[0]?.passwordHash ?? '', 'correct horse battery')).toBe(true);
  });

  it('says when nothing would change', async () => {
    const { handler, command } = setUp();
    const { effects, warnings } = await handler.preview(command({}));
    expect([effects, warnings]).toEqual([[], ['Nothing would change.']]);
  });

  it('acts on what the preview saw, or not at all', async () => {
    const { handler, command, changes } = setUp();
    const { selection } = await handler.preview(command({ enabled: false }));
    expect(selection).toEqual([{ id: 'u2', state: 'operator enabled 3' }]);
    await handler.execute(command({ enabled: false }, { selection }));
    expect(changes).toEqual([{ enabled: false, ifVersion: 3 }]);
    const stale = [{ id: 'u2', state: 'operator enabled 2' }];
    await expect(handler.execute(command({ enabled: false }, { selection: stale }))).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    expect(changes).toHaveLength(1);
  });

  it('says what would happen, and when it would not', async () => {
    const { handler, command } = setUp();
    const own = { actor: { userId: 'u2' } } as Partial<ActionContext>;
    const preview = await handler.preview(command({ role: 'user', enabled: false, password: 'p' }, own));
    expect(preview.effects.map(({ effect }) => effect)).toEqual([
      'the role becomes user, is operator',
      'is disabled; its sessions end',
      'gets a new password; its sessions end',
    ]);
    expect(preview.warnings).toEqual(['This is your own account.']);
    const last = setUp({ lastAdmin: true });
    await expect(last.handler.preview(last.command({ role: 'user' }))).rejects.toMatchObject({
      code: 'LAST_ADMIN',
    });
  });
});
