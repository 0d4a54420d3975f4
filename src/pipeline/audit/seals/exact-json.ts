/** No text in jsonb can hold NUL, so nothing that is stored can pass for one of these marks. */
const MARK = '\u0000';
/** What {@link jsonText} gives for a JSON null, which is not the same as no value. */
const JSON_NULL = `"\\u0000"`;
/** A text, or a number; what is neither is structure. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/gs;

/** SQL for a column of jsonb as the text that {@link exactJson} reads. */
export function jsonText(column: string): string {
  return `CASE WHEN jsonb_typeof(${column}) = 'null' THEN '${JSON_NULL}' ELSE ${column}::text END`;
}

/**
 * The value of a JSON text, such that two texts that differ in more than white space, the order of keys, or the
 * notation of a number by Postgres and by JavaScript never give the same value. JSON.parse takes 1, 1.0 and
 * 1.00000000000000000001 for one number; what it would round is given as the text itself, under a key of its own.
 *
 * @throws SyntaxError if it is no JSON
 */
export function exactJson(text: string): unknown {
  for (const [token] of text.matchAll(TOKEN))
    if (!token.startsWith('"') && !isExact(token)) return { [`${MARK}inexact`]: text };
  return JSON.parse(text) as unknown;
}

/** Whether this is how JavaScript or jsonb writes the number that JSON.parse makes of it. */
function isExact(token: string): boolean {
  const shortest = String(Number(token));
  return token === shortest || token === withoutExponent(shortest);
}

/** `1.5e-7` as `0.00000015`, as jsonb writes it. */
function withoutExponent(shortest: string): string {
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(shortest);
  if (!match) return shortest;
  const [, sign = '', first = '', rest = '', exponent = ''] = match;
  const digits = first + rest;
  const point = 1 + Number(exponent);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return sign + digits.padEnd(point, '0');
}
