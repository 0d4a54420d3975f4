import { Inject, Injectable } from '@nestjs/common';
import { IpAllowList } from '../../platform/security/ip-allow-list';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';
import type { AccessSettings } from '../../platform/settings/access.settings';
import { matchesAction } from './action-pattern';

type Networks = AccessSettings['action_networks'];

/** What is decided about an address, by which entry of the settings. */
export interface AddressDecision {
  readonly allowed: boolean;
  readonly rule: string;
}

/** Whether `address` is in the networks of every entry of `networks` that stands for the action. */
export function decideAddress(networks: Networks, action: string, address: string | null): AddressDecision {
  return decide(compiled(networks), action, address);
}

/** From where actions may be run, under the settings in force. */
@Injectable()
export class ActionNetworks {
  private made?: { from: Networks; lists: [string, IpAllowList][] };

  constructor(@Inject(RuntimeSettings) private readonly settings: RuntimeSettings) {}

  /** Whether an action may be run from an address. */
  decide(action: string, address: string | null): AddressDecision {
    const { action_networks: networks } = this.settings.current().access;
    if (this.made?.from !== networks) this.made = { from: networks, lists: compiled(networks) };
    return decide(this.made.lists, action, address);
  }
}

function compiled(networks: Networks): [string, IpAllowList][] {
  return Object.entries(networks).map(([pattern, ranges]) => [pattern, new IpAllowList(ranges)]);
}

function decide(
  lists: readonly [string, IpAllowList][],
  action: string,
  address: string | null,
): AddressDecision {
  const concerned = lists.filter(([pattern]) => matchesAction(pattern, action));
  const refusing = concerned.find(([, list]) => address === null || !list.contains(address));
  if (refusing) return { allowed: false, rule: `not in the networks of ${refusing[0]}` };
  const rule = concerned.map(([pattern]) => pattern).join(', ');
  return { allowed: true, rule: rule === '' ? 'no networks of its own' : `in the networks of ${rule}` };
}
