/** The list in its order; of one with more than `most`, those that rank highest, the earlier of those that rank alike. */
export function topSlice<T>(list: readonly T[], most: number, rank: (one: T) => number): T[] {
  if (list.length <= most) return [...list];
  const kept = new Set([...list].sort((a, b) => rank(b) - rank(a)).slice(0, most));
  return list.filter((one) => kept.has(one));
}
