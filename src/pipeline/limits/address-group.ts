import ipaddr from 'ipaddr.js';

/**
 * What counts as one client among addresses: an IPv4 address, or the /64 that an IPv6 one is in, since a
 * single machine has all of that.
 */
export function addressGroup(address: string): string {
  if (!ipaddr.isValid(address)) return 'unknown';
  const parsed = ipaddr.process(address);
  if (parsed.kind() === 'ipv4') return parsed.toString();
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/64`).toString()}/64`;
}
