import { Inject, Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { AppError } from '../../../platform/errors/app-error';
import { Db, type Tx } from '../../../platform/postgres/db';
import { isLastAdministrator } from '../../../platform/security/administrators';
import type { Role } from '../../../platform/security/roles';

/** An account, without its password. */
export interface Account {
  readonly id: string;
  readonly email: string;
  readonly role: Role;
  readonly enabled: boolean;
  /** Raised by each change of it. */
  readonly version: number;
}

/** What to change about an account; what is not given stays. */
export interface AccountChange {
  readonly role?: Role;
  readonly enabled?: boolean;
  readonly passwordHash?: string;
  /** Only if the account still has this version. */
  readonly ifVersion?: number;
}

/** An account as a list shows it. */
export interface AccountRow {
  user_id: string;
  email: string;
  role: Role;
  enabled: boolean;
  created_at: Date;
  open_sessions: number;
}

const COLUMNS = 'id, email, role, enabled, auth_version AS version';

/** Accounts in Postgres. Somebody who can administer the system is always left. */
@Injectable()
export class Accounts {
  constructor(@Inject(Db) private readonly db: Db) {}

  /** @throws AppError USER_NOT_FOUND */
  async get(id: string, tx: Tx = this.db): Promise<Account> {
    const [account] = await tx.query<Account>(`SELECT ${COLUMNS} FROM users WHERE id = $1`, [id]);
    if (!account) throw new AppError('USER_NOT_FOUND');
    return account;
  }

  /** The account of a name (see accountName); undefined if there is none. */
  async findByName(name: string): Promise<Account | undefined> {
    const [account] = await this.db.query<Account>(`SELECT ${COLUMNS} FROM users WHERE lower(email) = $1`, [
      name,
    ]);
    return account;
  }

  /** Makes an account. @returns its id. @throws AppError USER_EXISTS */
  async add(tx: Tx, account: { name: string; role: Role; passwordHash: string }): Promise<string> {
    const id = uuidv7();
    const made = await tx.execute(
      'INSERT INTO users (id, email, role, password_hash) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
      [id, account.name, account.role, account.passwordHash],
    );
    if (made === 0) throw new AppError('USER_EXISTS');
    return id;
  }

  /**
   * Changes an account. Disabling it, and a new password, end its sessions.
   *
   * @returns how many sessions ended
   * @throws AppError USER_NOT_FOUND, LAST_ADMIN, CONFLICT
   */
  async change(tx: Tx, id: string, change: AccountChange): Promise<number> {
    if (takesAdminAway(change) && (await isLastAdministrator(tx, id, { lock: true })))
      throw new AppError('LAST_ADMIN');
    const changed = await tx.execute(
      `UPDATE users SET role = coalesce($2, role), enabled = coalesce($3, enabled),
              password_hash = coalesce($4, password_hash), auth_version = auth_version + 1, updated_at = now()
        WHERE id = $1 AND auth_version = coalesce($5, auth_version)`,
      [
        id,
        change.role ?? null,
        change.enabled ?? null,
        change.passwordHash ?? null,
        change.ifVersion ?? null,
      ],
    );
    if (changed === 0) {
      await this.get(id, tx);
      throw new AppError('CONFLICT', 'The account was changed meanwhile.');
    }
    if (change.enabled !== false && change.passwordHash === undefined) return 0;
    return tx.execute(
      'UPDATE sessions SET revoked_at = now(), revoked_reason = $2 WHERE user_id = $1 AND revoked_at IS NULL',
      [id, change.enabled === false ? 'account_disabled' : 'password_changed'],
    );
  }

  /** Whether a change would leave nobody who can administer the system. */
  async wouldLeaveNoAdmin(id: string, change: AccountChange): Promise<boolean> {
    return takesAdminAway(change) && isLastAdministrator(this.db, id);
  }

  /** Accounts, newest first. @param after the id of the last one of the page before */
  list(limit: number, after: string | undefined): Promise<AccountRow[]> {
    return this.db.query<AccountRow>(
      `WITH page AS (
         SELECT id, email, role, enabled, created_at FROM users
          WHERE $2::uuid IS NULL OR id < $2 ORDER BY id DESC LIMIT $1
       )
       SELECT id AS user_id, email, role, enabled, created_at,
              (SELECT count(*)::int FROM sessions
                WHERE user_id = page.id AND revoked_at IS NULL AND expires_at > now()) AS open_sessions
         FROM page ORDER BY id DESC`,
      [limit, after ?? null],
    );
  }
}

function takesAdminAway({ role, enabled }: AccountChange): boolean {
  return enabled === false || (role !== undefined && role !== 'admin');
}
