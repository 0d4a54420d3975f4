import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import type { Lockout } from '../../../user-api/auth/lockout';
import type { Accounts } from '../accounts/accounts';
import { ListUsers, ListUsersHandler } from './list-users.action';

const row = (n: number) => ({ user_id: `u${n}`, email: `U${n}@example.com` });

function setUp(rows: number, locked: Lockout['locked']) {
  const asked: unknown[] = [];
  const accounts = {
    list: (...args: unknown[]) => {
      asked.push(args);
      return Promise.resolve(Array.from({ length: rows }, (_, n) => row(n)));
    },
  } as unknown as Accounts;
  return { asked, handler: new ListUsersHandler(accounts, { locked } as Lockout) };
}

const command = (payload: Partial<ListUsers>) =>
  Object.assign(new ListUsers(), payload, { context: {} as ActionContext });

describe('config.list_users', () => {
  it('gives a page, who is locked, and where the next one begins', async () => {
    const { handler, asked } = setUp(3, (names) =>
      Promise.resolve(names.map((name) => (name === 'u1@example.com' ? 1 : 0))),
    );
    const { users, next_cursor } = await handler.execute(command({ limit: 2, cursor: 'u7' }));
    expect(asked).toEqual([[3, 'u7']]);
    expect(users.map(({ user_id, locked_addresses }) => [user_id, locked_addresses])).toEqual([
      ['u0', 0],
      ['u1', 1],
    ]);
    expect(next_cursor).toBe('u1');
  });

  it('gives the last page, and without Redis says that locks are not known', async () => {
    const { handler } = setUp(2, () => Promise.reject(new Error('away')));
    const { users, next_cursor } = await handler.execute(command({ limit: 2 }));
    expect(users.map((user) => user.locked_addresses)).toEqual([null, null]);
    expect(next_cursor).toBeNull();
  });
});
