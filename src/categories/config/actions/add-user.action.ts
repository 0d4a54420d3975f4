import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsEmail, IsIn, MaxLength } from 'class-validator';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { PreviewingHandler } from '../../../pipeline/catalogue/action-handler';
import { Recorded } from '../../../pipeline/catalogue/fields';
import type { Preview } from '../../../pipeline/preview/preview';
import { AppError } from '../../../platform/errors/app-error';
import { accountName } from '../../../platform/security/account-name';
import { hashPassword, NO_PASSWORD } from '../../../platform/security/passwords';
import { type Role, ROLES } from '../../../platform/security/roles';
import { AccountAlerts } from '../accounts/account-alerts';
import { Accounts } from '../accounts/accounts';
import { IsNewPassword } from '../accounts/password-field';

/** The account that was made. */
export interface UserAdded {
  user_id: string;
  role: Role;
  /** Whether it has a password yet. */
  can_sign_in: boolean;
}

@Action({
  name: 'config.add_user',
  views: ['configuration'],
  risk: 'high',
  mode: 'sync',
  roles: [],
  adminOnly: true,
  dependsOn: ['postgres'],
  summary: 'Add a user',
  description:
    'Makes an account. Without a password nobody can sign in with it until one is set by config.update_user.',
  errors: ['USER_EXISTS'],
  example: { email: 'mara@example.com', role: 'operator' },
  since: '1.0',
})
export class AddUser extends ActionCommand<UserAdded> {
  /** The address to sign in with. Upper and lower case are the same. */
  @Recorded()
  @IsEmail()
  @MaxLength(254)
  email!: string;

  /** What the account may do. */
  @Recorded()
  @IsIn(ROLES)
  role!: Role;

  /** The password; at least 12 characters. It is stored as an argon2id hash, and recorded nowhere. */
  @IsNewPassword()
  password?: string;
}

@CommandHandler(AddUser)
export class AddUserHandler implements PreviewingHandler<AddUser> {
  constructor(
    @Inject(Accounts) private readonly accounts: Accounts,
    @Inject(AccountAlerts) private readonly alerts: AccountAlerts,
  ) {}

  async preview({ email, role, password }: AddUser): Promise<Preview> {
    if (await this.accounts.findByName(accountName(email))) throw new AppError('USER_EXISTS');
    return {
      // Not the address: selections are kept, and it is not needed to act.
      selection: [{ id: 'new account', state: 'absent' }],
      effects: [{ target: 'new account', effect: `is made with the role ${role}` }],
      warnings: [
        ...(role === 'admin' ? ['An admin may do everything, and make others an admin.'] : []),
        ...(password === undefined ? ['Without a password nobody can sign in with it yet.'] : []),
      ],
    };
  }

  async execute({ email, role, password, context }: AddUser): Promise<UserAdded> {
    const passwordHash = password === undefined ? NO_PASSWORD : await hashPassword(password);
    const added = await context.transaction(async (tx) => {
      const user_id = await this.accounts.add(tx, { name: accountName(email), role, passwordHash });
      return { user_id, role, can_sign_in: password !== undefined };
    });
    await this.alerts.created(added.user_id, role, context);
    return added;
  }
}
