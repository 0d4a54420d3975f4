import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import type { Lockout } from '../../../user-api/auth/lockout';
import type { AccountAlerts } from '../accounts/account-alerts';
import type { Accounts } from '../accounts/accounts';
import { UnlockUser, UnlockUserHandler } from './unlock-user.action';

describe('config.unlock_user', () => {
  it.each([
    [2, ['mara@example.com'], ['u2']],
    [0, ['mara@example.com'], []],
  ])(
    'forgets the failures of an account that is locked for %i addresses',
    async (locked, forgotten, alarms) => {
      const released: string[] = [];
      const told: string[] = [];
      const handler = new UnlockUserHandler(
        { get: () => Promise.resolve({ email: 'Mara@Example.com' }) } as unknown as Accounts,
        {
          locked: ([name]: string[]) => Promise.resolve(name === 'mara@example.com' ? [locked] : [-1]),
          release: (name: string) => Promise.resolve(void released.push(name)),
        } as unknown as Lockout,
        { unlocked: (id: string) => Promise.resolve(void told.push(id)) } as unknown as AccountAlerts,
      );
      const command = Object.assign(new UnlockUser(), { user_id: 'u2', context: {} as ActionContext });
      expect(await handler.execute(command)).toEqual({ user_id: 'u2', locked_addresses: locked });
      expect([released, told]).toEqual([forgotten, alarms]);
    },
  );
});
