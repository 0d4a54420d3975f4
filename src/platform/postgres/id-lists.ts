/**
 * Many ids as one parameter of a statement, for `uuid[]`. Made once for all statements that take them: the driver would
 * take each id in hand for each. Nothing in an id has to be escaped.
 */
export function idArray(ids: readonly string[]): string {
  return `{${ids.join(',')}}`;
}

/** SQL for many ids as one value: what rows have in common comes once then, and not with each id. */
export function idList(id: string, order = id): string {
  return `string_agg(${id}::text, ',' ORDER BY ${order})`;
}

/** The ids of such a value. */
export function idsOf(list: string): string[] {
  return list.split(',');
}
