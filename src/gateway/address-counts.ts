/** How many of something each address has. Addresses that have none take no memory. */
export class AddressCounts {
  private readonly counts = new Map<string, number>();

  /** How many it has. */
  of(address: string): number {
    return this.counts.get(address) ?? 0;
  }

  /** Counts one more; the answer takes it off again, once. */
  add(address: string): () => void {
    this.counts.set(address, this.of(address) + 1);
    let counted = true;
    return () => {
      if (!counted) return;
      counted = false;
      const left = this.of(address) - 1;
      if (left > 0) this.counts.set(address, left);
      else this.counts.delete(address);
    };
  }
}
