import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import type { Tx } from '../../../platform/postgres/db';
import { NO_PASSWORD, verifyPassword } from '../../../platform/security/passwords';
import type { AccountAlerts } from '../accounts/account-alerts';
import type { Accounts } from '../accounts/accounts';
import { AddUser, AddUserHandler } from './add-user.action';

function setUp(existing: string[] = []) {
  const added: { name: string; role: string; passwordHash: string }[] = [];
  const told: unknown[] = [];
  const accounts = {
    findByName: (name: string) => Promise.resolve(existing.includes(name) ? { id: 'old' } : undefined),
    add: (_tx: Tx, account: (typeof added)[number]) => {
      added.push(account);
      return Promise.resolve('u9');
    },
  } as unknown as Accounts;
  const alerts = {
    created: (...args: unknown[]) => Promise.resolve(void told.push(args.slice(0, 2))),
  } as unknown as AccountAlerts;
  const context = { transaction: (work: (tx: Tx) => Promise<unknown>) => work({} as Tx) } as ActionContext;
  const command = (payload: Partial<AddUser>) =>
    Object.assign(new AddUser(), { email: 'Mara@Example.com', role: 'operator', context }, payload);
  return { handler: new AddUserHandler(accounts, alerts), command, added, told };
}

const PASSWORD = 'correct horse battery';

describe('config.add_user', () => {
  it('makes an account in the one form of its name, with the hash of the password', async () => {
    const { handler, command, added, told } = setUp();
    const answer = await handler.execute(command({ password: PASSWORD }));
    expect(answer).toEqual({ user_id: 'u9', role: 'operator', can_sign_in: true });
    expect(added).toMatchObject([{ name: 'mara@example.com', role: 'operator' }]);
    expect(added[0]?.passwordHash).toMatch(/^\$argon2id\$/);
    expect(await verifyPassword(added[0]?.passwordHash ?? '', PASSWORD)).toBe(true);
    expect(told).toEqual([['u9', 'operator']]);
    expect(JSON.stringify([answer, told])).not.toContain(PASSWORD);
  });

  it('without a password makes one that nobody can sign in with', async () => {
    const { handler, command, added } = setUp();
    expect(await handler.execute(command({}))).toMatchObject({ can_sign_in: false });
    expect(added[0]?.passwordHash).toBe(NO_PASSWORD);
  });

  it('tells beforehand, and keeps neither address nor password', async () => {
    const { handler, command, added } = setUp();
    const preview = await handler.preview(command({ role: 'admin', password: PASSWORD }));
    expect(preview.effects).toEqual([{ target: 'new account', effect: 'is made with the role admin' }]);
    expect(preview.warnings).toHaveLength(1);
    expect(JSON.stringify(preview)).not.toMatch(/mara|horse/i);
    expect(added).toEqual([]);
  });

  it.each(['mara@example.com', '\uff4dara@example.com', ' MARA@EXAMPLE.COM '])(
    'finds in the preview that %s is taken',
    async (email) => {
      const { handler, command } = setUp(['mara@example.com']);
      await expect(handler.preview(command({ email }))).rejects.toMatchObject({ code: 'USER_EXISTS' });
    },
  );
});
