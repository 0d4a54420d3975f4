/** One operation of a JSON Patch (RFC 6902), of those that are made here. */
export type PatchOperation =
  { op: 'add' | 'replace'; path: string; value: unknown } | { op: 'remove'; path: string };

/** Fields that tell one element of a list from another, the first that an element has. */
const IDENTITIES = ['id', 'job_id', 'worker_id', 'queue', 'manager', 'agent', 'name', 'hour', 'dependency'];

type Fields = Readonly<Record<string, unknown>>;

/**
 * The JSON Patch (RFC 6902) that makes one JSON value of another. Elements of lists are matched by their identity, so
 * that a line put before 50 others is one operation; what has been put into another order is replaced as a whole.
 * Takes time in proportion to the size of both: libraries that look for the shortest patch need the product of the
 * lengths of lists, and were seen to take seconds for 200 workers.
 *
 * @param before plain JSON, as JSON.parse gives it, without the name `__proto__`
 * @param after the same
 */
export function jsonPatch(before: unknown, after: unknown): PatchOperation[] {
  const operations: PatchOperation[] = [];
  diff(before, after, '', operations);
  return operations;
}

function diff(before: unknown, after: unknown, path: string, operations: PatchOperation[]): void {
  if (before === after) return;
  if (Array.isArray(before) && Array.isArray(after)) diffLists(before, after, path, operations);
  else if (isFields(before) && isFields(after)) diffFields(before, after, path, operations);
  else operations.push({ op: 'replace', path, value: after });
}

function diffFields(before: Fields, after: Fields, path: string, operations: PatchOperation[]): void {
  for (const name of Object.keys(before))
    if (!Object.hasOwn(after, name)) operations.push({ op: 'remove', path: `${path}/${escaped(name)}` });
  for (const [name, value] of Object.entries(after)) {
    const at = `${path}/${escaped(name)}`;
    if (Object.hasOwn(before, name)) diff(before[name], value, at, operations);
    else operations.push({ op: 'add', path: at, value });
  }
}

function diffLists(
  before: readonly unknown[],
  after: readonly unknown[],
  path: string,
  operations: PatchOperation[],
): void {
  const [was, is] = [identities(before), identities(after)];
  if (!was || !is) return diffByPlace(before, after, path, operations);
  const stayed = [...was.keys()].filter((key) => is.has(key));
  const inNewOrder = [...is.keys()].filter((key) => was.has(key));
  if (stayed.some((key, index) => key !== inNewOrder[index])) {
    operations.push({ op: 'replace', path, value: after });
    return;
  }
  // From the end, so that the places of those before stay what they are.
  for (const [key, index] of [...was].reverse())
    if (!is.has(key)) operations.push({ op: 'remove', path: `${path}/${index}` });
  for (const [key, index] of is) {
    const old = was.get(key);
    if (old === undefined) operations.push({ op: 'add', path: `${path}/${index}`, value: after[index] });
    else diff(before[old], after[index], `${path}/${index}`, operations);
  }
}

function diffByPlace(
  before: readonly unknown[],
  after: readonly unknown[],
  path: string,
  operations: PatchOperation[],
): void {
  for (let index = before.length - 1; index >= after.length; index--)
    operations.push({ op: 'remove', path: `${path}/${index}` });
  after.forEach((value, index) => {
    if (index < before.length) diff(before[index], value, `${path}/${index}`, operations);
    else operations.push({ op: 'add', path: `${path}/${index}`, value });
  });
}

/** The elements' places by what identifies them; undefined if they cannot be told apart. */
function identities(list: readonly unknown[]): Map<unknown, number> | undefined {
  const places = new Map<unknown, number>();
  for (const [index, element] of list.entries()) {
    const key = identityOf(element);
    if (key === undefined || places.has(key)) return undefined;
    places.set(key, index);
  }
  return places;
}

function identityOf(element: unknown): unknown {
  if (!isFields(element)) return Array.isArray(element) ? undefined : element;
  const name = IDENTITIES.find((field) => Object.hasOwn(element, field));
  const value = name === undefined ? undefined : element[name];
  return typeof value === 'object' ? undefined : value;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A name as it stands in a JSON Pointer (RFC 6901). */
function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
