import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsBoolean, IsIn, IsUUID } from 'class-validator';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { PreviewingHandler } from '../../../pipeline/catalogue/action-handler';
import { MayBeAbsent, Recorded } from '../../../pipeline/catalogue/fields';
import type { Preview } from '../../../pipeline/preview/preview';
import { AppError } from '../../../platform/errors/app-error';
import { hashPassword } from '../../../platform/security/passwords';
import { type Role, ROLES } from '../../../platform/security/roles';
import { AccountAlerts } from '../accounts/account-alerts';
import { Accounts } from '../accounts/accounts';
import { changeEffects, stateOf } from '../accounts/change-preview';
import { IsNewPassword } from '../accounts/password-field';

/** The account as it is now. */
export interface UserUpdated {
  user_id: string;
  role: Role;
  enabled: boolean;
  /** Sessions that ended with the change. */
  ended_sessions: number;
}

@Action({
  name: 'config.update_user',
  views: ['configuration'],
  risk: 'high',
  mode: 'sync',
  roles: [],
  adminOnly: true,
  dependsOn: ['postgres'],
  summary: 'Change a user',
  description:
    'Changes role, state or password of an account, on open sessions and sockets within 1 s. Disabling it, and a new password, end its sessions. The last admin cannot be demoted or disabled.',
  errors: ['USER_NOT_FOUND', 'LAST_ADMIN', 'CONFLICT'],
  example: { user_id: '01890a5d-ac96-774b-bcce-b302099a8057', role: 'readonly' },
  since: '1.0',
})
export class UpdateUser extends ActionCommand<UserUpdated> {
  /** The account to change. */
  @Recorded()
  @IsUUID()
  user_id!: string;

  /** What it may do from now on. */
  @Recorded()
  @MayBeAbsent()
  @IsIn(ROLES)
  role?: Role;

  /** Whether one can sign in with it. */
  @Recorded()
  @MayBeAbsent()
  @IsBoolean()
  enabled?: boolean;

  /** A new password; at least 12 characters. It is stored as an argon2id hash, and recorded nowhere. */
  @IsNewPassword()
  password?: string;
}

@CommandHandler(UpdateUser)
export class UpdateUserHandler implements PreviewingHandler<UpdateUser> {
  constructor(
    @Inject(Accounts) private readonly accounts: Accounts,
    @Inject(AccountAlerts) private readonly alerts: AccountAlerts,
  ) {}

  async preview({ user_id, context, ...change }: UpdateUser): Promise<Preview> {
    const account = await this.accounts.get(user_id);
    const effects = changeEffects(account, change);
    if (await this.accounts.wouldLeaveNoAdmin(user_id, change)) throw new AppError('LAST_ADMIN');
    return {
      selection: [{ id: user_id, state: stateOf(account) }],
      effects,
      warnings: [
        ...(effects.length === 0 ? ['Nothing would change.'] : []),
        ...(user_id === context.actor.userId ? ['This is your own account.'] : []),
      ],
    };
  }

  async execute({ user_id, context, ...change }: UpdateUser): Promise<UserUpdated> {
    const before = await this.accounts.get(user_id);
    const [frozen] = context.selection ?? [];
    if (frozen && frozen.state !== stateOf(before))
      throw new AppError('CONFLICT', 'The account was changed since the preview.');
    const { role, enabled, password } = change;
    const passwordHash = password === undefined ? undefined : await hashPassword(password);
    const ifVersion = frozen && before.version;
    const updated = await context.transaction(async (tx) => {
      const wanted = { role, enabled, passwordHash, ifVersion };
      const ended_sessions = await this.accounts.change(tx, user_id, wanted);
      const now = await this.accounts.get(user_id, tx);
      return { user_id, role: now.role, enabled: now.enabled, ended_sessions };
    });
    await this.alerts.changed(before, change, context);
    return updated;
  }
}
