/** A map that forgets what was not asked for longest once it holds more than `capacity` entries. */
export class LruMap<K, V> {
  private readonly entries = new Map<K, V>();

  constructor(private readonly capacity: number) {}

  get size(): number {
    return this.entries.size;
  }

  get(key: K): V | undefined {
    const value = this.entries.get(key);
    // Until it is half full there is nothing to forget soon, and no need for an order, which costs more than to look.
    if (value === undefined || this.entries.size * 2 <= this.capacity) return value;
    // A Map keeps the order of insertion: what was asked for moves to the end.
    this.entries.delete(key);
    this.entries.set(key, value);
    return value;
  }

  set(key: K, value: V): void {
    this.entries.delete(key);
    this.entries.set(key, value);
    if (this.entries.size <= this.capacity) return;
    const oldest = this.entries.keys().next();
    if (!oldest.done) this.entries.delete(oldest.value);
  }

  delete(key: K): void {
    this.entries.delete(key);
  }

  /** Forgets all entries that fit. */
  deleteWhere(fits: (value: V) => boolean): void {
    for (const [key, value] of this.entries) if (fits(value)) this.entries.delete(key);
  }
}
