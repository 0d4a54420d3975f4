/** The media type of RFC 9457. */
export const PROBLEM_TYPE = 'application/problem+json';

const JSON_TYPE = 'application/json';

/** How exactly a range of an Accept header means application/json; the most exact one counts (RFC 9110, 12.5.1). */
const JSON_RANGES = [JSON_TYPE, 'application/*', '*/*'];

/**
 * Whether an Accept header asks for errors as application/problem+json: it names that type and does not prefer
 * application/json to it. A wildcard names nothing, so that browsers and tools get the usual envelope.
 */
export function wantsProblem(accept: string | undefined): boolean {
  const wanted = accept?.toLowerCase();
  if (!wanted?.includes(PROBLEM_TYPE)) return false;
  const weights = new Map(wanted.split(',').map(weighted));
  const problem = weights.get(PROBLEM_TYPE) ?? 0;
  const range = JSON_RANGES.find((name) => weights.has(name));
  const json = range === undefined ? 0 : (weights.get(range) ?? 0);
  return problem > 0 && problem >= json;
}

/** The media range with its weight, 0 to 1; one that cannot be read weighs nothing. */
function weighted(part: string): [range: string, weight: number] {
  const [range = '', ...parameters] = part.split(';').map((piece) => piece.trim());
  const given = parameters.find((parameter) => parameter.startsWith('q='));
  const weight = given === undefined ? 1 : Number(given.slice(2));
  return [range, weight >= 0 && weight <= 1 ? weight : 0];
}
