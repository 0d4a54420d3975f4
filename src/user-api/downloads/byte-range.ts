/** What a Range header asks of a file: all of it, the bytes `start` to `end` (both included), or nothing that exists. */
export type ByteRange = 'whole' | 'unsatisfiable' | { readonly start: number; readonly end: number };

const SINGLE_RANGE = /^bytes=\s*(\d*)-(\d*)\s*$/i;

/**
 * Reads a Range header for a file of `size` bytes (RFC 9110, section 14). A header that is malformed, in another
 * unit, or asks for several ranges is answered with the whole file, as the standard allows.
 */
export function parseByteRange(header: string | undefined, size: number): ByteRange {
  const match = header === undefined ? null : SINGLE_RANGE.exec(header);
  if (!match) return 'whole';
  const [first, last] = [match[1] ?? '', match[2] ?? ''];
  if (first === '') return last === '' ? 'whole' : suffix(Number(last), size);
  const start = Number(first);
  const end = last === '' ? Number.POSITIVE_INFINITY : Number(last);
  if (end < start) return 'whole';
  if (start >= size) return 'unsatisfiable';
  return { start, end: Math.min(end, size - 1) };
}

/** The last `length` bytes. */
function suffix(length: number, size: number): ByteRange {
  if (length === 0 || size === 0) return 'unsatisfiable';
  return { start: Math.max(0, size - length), end: size - 1 };
}
