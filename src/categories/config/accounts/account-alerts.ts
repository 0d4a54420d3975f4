import { Inject, Injectable } from '@nestjs/common';
import { type SecurityEventKind, SecurityEvents } from '../../../pipeline/audit/security-events';
import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import { MessageBus } from '../../../platform/messages/message-bus';
import type { Role } from '../../../platform/security/roles';
import type { Account } from './accounts';

/** What about an account was changed. */
export interface ChangedFields {
  readonly role?: Role;
  readonly enabled?: boolean;
  readonly password?: unknown;
}

/** Makes changes of accounts known: to the processes, where they take effect, and to those in charge of security. */
@Injectable()
export class AccountAlerts {
  constructor(
    @Inject(MessageBus) private readonly bus: MessageBus,
    @Inject(SecurityEvents) private readonly security: SecurityEvents,
  ) {}

  /** After the commit. Resolves when open sessions and sockets of every process know. */
  async changed(before: Account, change: ChangedFields, context: ActionContext): Promise<void> {
    await this.bus.publish('user.changed', { user_id: before.id });
    const { role, enabled, password } = change;
    if (role !== undefined && role !== before.role)
      await this.tell(
        'role_changed',
        `A role was changed from ${before.role} to ${role}.`,
        before.id,
        context,
      );
    if (enabled === false && before.enabled)
      await this.tell('account_disabled', 'An account was disabled.', before.id, context);
    if (enabled === true && !before.enabled)
      await this.tell('account_enabled', 'An account was enabled.', before.id, context);
    if (password !== undefined)
      await this.tell('password_set', 'A password was set by an administrator.', before.id, context);
  }

  /** After the commit. */
  created(userId: string, role: Role, context: ActionContext): Promise<void> {
    return this.tell('account_created', `An account with the role ${role} was made.`, userId, context);
  }

  /** After the lock has been ended. */
  unlocked(userId: string, context: ActionContext): Promise<void> {
    return this.tell('account_unlocked', 'The lock of an account was ended.', userId, context);
  }

  private tell(
    kind: SecurityEventKind,
    message: string,
    userId: string,
    { actor, traceId, ip }: ActionContext,
  ): Promise<void> {
    const origin = { traceId, ip, userAgent: null };
    return this.security.record({ kind, message, userId, actorId: actor.userId, origin });
  }
}
