/**
 * Which services go when only `replicas` of them are to stay: those of `first`, in that order, then the newest.
 *
 * @param names all that there are, oldest first
 */
export function surplusOf(names: readonly string[], replicas: number, first: readonly string[]): string[] {
  const chosen = first.filter((name) => names.includes(name));
  const others = names.filter((name) => !chosen.includes(name)).reverse();
  return [...chosen, ...others].slice(0, Math.max(0, names.length - replicas));
}
