/** Deeper nesting is looked through as text: what walks along values needs a piece of the stack for each level. */
const MAX_DEPTH = 500;
const TOKEN = /"(?:[^"\\]|\\.)*"(\s*:)?|[[\]{}]/gs;

/**
 * The value of a text that is JSON, if all that the text holds is in it; undefined if not: of a key that stands twice in
 * an object only the last value is.
 */
export function jsonInText(text: string): object | string | undefined {
  if (!/^\s*["[{]/.test(text)) return undefined;
  let value: object | string;
  try {
    value = JSON.parse(text) as object | string;
  } catch {
    // Not JSON after all.
    return undefined;
  }
  const keys = keysIn(text);
  return keys !== undefined && keys === membersOf(value) ? value : undefined;
}

/** How many keys stand in a JSON text; undefined if it is nested too deep. */
function keysIn(text: string): number | undefined {
  let keys = 0;
  let depth = 0;
  for (const [token, colon] of text.matchAll(TOKEN)) {
    if (colon !== undefined) keys += 1;
    else if (token === '[' || token === '{') depth += 1;
    else if (token === ']' || token === '}') depth -= 1;
    if (depth > MAX_DEPTH) return undefined;
  }
  return keys;
}

function membersOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const inner = Object.values(value) as unknown[];
  return inner.reduce<number>((sum, one) => sum + membersOf(one), Array.isArray(value) ? 0 : inner.length);
}
