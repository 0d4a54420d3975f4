import { addressGroup } from '../pipeline/limits/address-group';

/**
 * How many of something each client has, by the addresses that count as one ({@link addressGroup}): of IPv6 one machine
 * has a whole network. Those that have none take no memory.
 */
export class AddressCounts {
  private readonly counts = new Map<string, number>();

  /** How many the client at that address has. */
  of(address: string): number {
    return this.counts.get(addressGroup(address)) ?? 0;
  }

  /** Counts one more; the answer takes it off again, once. */
  add(address: string): () => void {
    const group = addressGroup(address);
    this.counts.set(group, (this.counts.get(group) ?? 0) + 1);
    let counted = true;
    return () => {
      if (!counted) return;
      counted = false;
      const left = (this.counts.get(group) ?? 0) - 1;
      if (left > 0) this.counts.set(group, left);
      else this.counts.delete(group);
    };
  }
}
