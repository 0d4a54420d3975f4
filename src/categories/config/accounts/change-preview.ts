import type { PreviewEffect } from '../../../pipeline/preview/preview';
import { AppError } from '../../../platform/errors/app-error';
import type { ChangedFields } from './account-alerts';
import type { Account } from './accounts';

/** What must not have changed between a preview and its act. */
export function stateOf({ role, enabled, version }: Account): string {
  return `${role} ${enabled ? 'enabled' : 'disabled'} ${version}`;
}

/**
 * What a change does to an account, in words.
 *
 * @throws AppError VALIDATION_ERROR if it asks for nothing
 */
export function changeEffects(account: Account, change: ChangedFields): PreviewEffect[] {
  const { role, enabled, password } = change;
  if (role === undefined && enabled === undefined && password === undefined)
    throw new AppError('VALIDATION_ERROR', undefined, {
      details: [{ path: 'payload', message: 'must have at least one of role, enabled and password' }],
    });
  const effects: string[] = [];
  if (role !== undefined && role !== account.role)
    effects.push(`the role becomes ${role}, is ${account.role}`);
  if (enabled === true && !account.enabled) effects.push('is enabled');
  if (enabled === false) effects.push('is disabled; its sessions end');
  if (password !== undefined) effects.push('gets a new password; its sessions end');
  return effects.map((effect) => ({ target: account.id, effect }));
}
