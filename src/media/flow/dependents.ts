/** The agents in `seeds` and all that depend on them, directly or not, given each step's own edges. */
export function withDependents(
  steps: readonly { agent: string; needs: readonly string[] }[],
  seeds: Iterable<string>,
): Set<string> {
  const result = new Set(seeds);
  for (let size = -1; size !== result.size;) {
    size = result.size;
    for (const step of steps) if (step.needs.some((need) => result.has(need))) result.add(step.agent);
  }
  return result;
}
