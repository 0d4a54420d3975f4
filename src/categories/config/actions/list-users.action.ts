import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsInt, IsUUID, Max, Min } from 'class-validator';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { ActionHandler } from '../../../pipeline/catalogue/action-handler';
import { MayBeAbsent, Recorded } from '../../../pipeline/catalogue/fields';
import { accountName } from '../../../platform/security/account-name';
import { Lockout } from '../../../user-api/auth/lockout';
import { type AccountRow, Accounts } from '../accounts/accounts';

/** Accounts, newest first. */
export interface UserList {
  users: (AccountRow & {
    /** From how many addresses it is locked at the moment; null while Redis is away. */
    locked_addresses: number | null;
  })[];
  /** For the next page; null if this is the last one. */
  next_cursor: string | null;
}

@Action({
  name: 'config.list_users',
  views: ['configuration'],
  risk: 'read',
  mode: 'sync',
  roles: ['readonly', 'supervisor', 'operator'],
  dependsOn: ['postgres'],
  summary: 'List users',
  description: 'Accounts with role, state, open sessions and locks, newest first.',
  errors: [],
  secretFields: ['users'],
  example: { limit: 50 },
  since: '1.0',
})
export class ListUsers extends ActionCommand<UserList> {
  /** How many at most. */
  @Recorded()
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(100)
  limit = 50;

  /** `next_cursor` of the page before. */
  @Recorded()
  @MayBeAbsent()
  @IsUUID()
  cursor?: string;
}

@CommandHandler(ListUsers)
export class ListUsersHandler implements ActionHandler<ListUsers> {
  constructor(
    @Inject(Accounts) private readonly accounts: Accounts,
    @Inject(Lockout) private readonly lockout: Lockout,
  ) {}

  async execute({ limit, cursor }: ListUsers): Promise<UserList> {
    // One more than asked for tells whether there is a next page.
    const rows = await this.accounts.list(limit + 1, cursor);
    const shown = rows.slice(0, limit);
    const names = shown.map(({ email }) => accountName(email));
    const locked = await this.lockout.locked(names).catch(() => undefined);
    return {
      users: shown.map((row, i) => ({ ...row, locked_addresses: locked?.[i] ?? null })),
      next_cursor: rows.length > limit ? (shown.at(-1)?.user_id ?? null) : null,
    };
  }
}
