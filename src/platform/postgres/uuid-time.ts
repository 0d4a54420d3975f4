/** The last millisecond that fits into a UUIDv7. */
const LAST_MS = 2 ** 48 - 1;

/**
 * The smallest UUIDv7 of a moment. Ids are ordered by time, so "since then" is a range of the primary key
 * and of every index that ends in the id.
 */
export function firstIdOf(moment: Date): string {
  const ms = Math.min(Math.max(0, moment.getTime()), LAST_MS);
  const hex = ms.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}

/** The moment so many hours ago. */
export function hoursAgo(hours: number): Date {
  return new Date(Date.now() - hours * 3_600_000);
}
