/** The agents that an agent waits for, directly or not, given each step's own edges. */
export function neededBy(
  agent: string,
  steps: readonly { agent: string; needs: readonly string[] }[],
): Set<string> {
  const needsOf = new Map(steps.map((step) => [step.agent, step.needs]));
  const result = new Set(needsOf.get(agent));
  // A set that grows is gone through to its end.
  for (const need of result) for (const further of needsOf.get(need) ?? []) result.add(further);
  return result;
}

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
