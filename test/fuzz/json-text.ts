/** A piece of JSON that no value stands for, such as 1e400 or a doubled key. */
export class JsonText {
  constructor(readonly text: string) {}
}

/** JSON of a value that may hold {@link JsonText}, and keys such as `__proto__`. */
export function jsonOf(value: unknown): string {
  if (value instanceof JsonText) return value.text;
  if (Array.isArray(value)) return `[${value.map(jsonOf).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${jsonOf(member)}`).join(',')}}`;
}

/** A copy with one member set; unlike an assignment it takes every key as a key. */
export function withMember(object: object, key: string, value: unknown): object {
  const copy = { ...object };
  Object.defineProperty(copy, key, { value, enumerable: true, configurable: true, writable: true });
  return copy;
}
