/** Whether a pattern stands for an action: its name, `job.*` for all of a subject, `*` for all there are. */
export function matchesAction(pattern: string, action: string): boolean {
  if (pattern === '*' || pattern === action) return true;
  return pattern.endsWith('.*') && action.startsWith(pattern.slice(0, -1));
}
