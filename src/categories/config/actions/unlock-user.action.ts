import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsUUID } from 'class-validator';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { ActionHandler } from '../../../pipeline/catalogue/action-handler';
import { Recorded } from '../../../pipeline/catalogue/fields';
import { accountName } from '../../../platform/security/account-name';
import { Lockout } from '../../../user-api/auth/lockout';
import { AccountAlerts } from '../accounts/account-alerts';
import { Accounts } from '../accounts/accounts';

/** What was unlocked. */
export interface UserUnlocked {
  user_id: string;
  /** From how many addresses it was locked. */
  locked_addresses: number;
}

@Action({
  name: 'config.unlock_user',
  views: ['configuration'],
  risk: 'standard',
  mode: 'sync',
  roles: ['operator'],
  dependsOn: ['postgres', 'redis'],
  summary: 'Unlock a user',
  description:
    'Ends the lock that too many wrong passwords have put on an account, for every address, and forgets them. An account that was disabled stays so.',
  errors: ['USER_NOT_FOUND'],
  example: { user_id: '01890a5d-ac96-774b-bcce-b302099a8057' },
  since: '1.0',
})
export class UnlockUser extends ActionCommand<UserUnlocked> {
  /** The account to unlock. */
  @Recorded()
  @IsUUID()
  user_id!: string;
}

@CommandHandler(UnlockUser)
export class UnlockUserHandler implements ActionHandler<UnlockUser> {
  constructor(
    @Inject(Accounts) private readonly accounts: Accounts,
    @Inject(Lockout) private readonly lockout: Lockout,
    @Inject(AccountAlerts) private readonly alerts: AccountAlerts,
  ) {}

  async execute({ user_id, context }: UnlockUser): Promise<UserUnlocked> {
    const name = accountName((await this.accounts.get(user_id)).email);
    const [locked_addresses = 0] = await this.lockout.locked([name]);
    await this.lockout.release(name);
    if (locked_addresses > 0) await this.alerts.unlocked(user_id, context);
    return { user_id, locked_addresses };
  }
}
