import type { PreviewEffect } from '../../../pipeline/preview/preview';
import type { ChangedFields } from './account-alerts';
import type { Account } from './accounts';

/** What must not have changed between a preview and its act. */
export function stateOf({ role, enabled, version }: Account): string {
  return `${role} ${enabled ? 'enabled' : 'disabled'} ${version}`;
}

/** What a change does to an account, in words. None if it asks for nothing, or for what is so already. */
export function changeEffects(account: Account, change: ChangedFields): PreviewEffect[] {
  const { role, enabled, password } = change;
  const effects: string[] = [];
  if (role !== undefined && role !== account.role)
    effects.push(`the role becomes ${role}, is ${account.role}`);
  if (enabled === true && !account.enabled) effects.push('is enabled');
  if (enabled === false) effects.push('is disabled; its sessions end');
  if (password !== undefined) effects.push('gets a new password; its sessions end');
  return effects.map((effect) => ({ target: account.id, effect }));
}
