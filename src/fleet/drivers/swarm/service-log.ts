import type { RuntimeLogLine } from '../../runtime-driver';

/** Before each piece: 1 byte for the stream, 3 empty ones, 4 for the length, the greatest first. */
const HEADER_BYTES = 8;

/**
 * Takes the log of a service apart, as the Docker engine sends it with timestamps and details: frames of
 * "TIME DETAILS TEXT". A line of more than 16 KiB comes in several, of which only the last ends with a newline.
 * Frames of different tasks and streams may be mixed; they are put together again by where they came from.
 *
 * Source: Docker Engine API, "Attach to a container", stream format.
 *
 * @returns all lines, oldest first
 */
export function readServiceLog(bytes: Buffer): RuntimeLogLine[] {
  const lines: RuntimeLogLine[] = [];
  const unfinished = new Map<string, RuntimeLogLine>();
  for (const { stream, text } of frames(bytes)) {
    const [at = '', details = ''] = text.split(' ', 2);
    const piece = text.slice(at.length + details.length + 2);
    const source = `${stream} ${details}`;
    const line = unfinished.get(source) ?? { at, line: '' };
    line.line += piece.replace(/\r?\n$/, '');
    if (piece.endsWith('\n')) {
      unfinished.delete(source);
      lines.push(line);
    } else {
      unfinished.set(source, line);
    }
  }
  lines.push(...unfinished.values());
  // Their times are all of one form, to the nanosecond; sorting keeps the order of those that are equal.
  return lines.sort((a, b) => (a.at ?? '').localeCompare(b.at ?? ''));
}

function* frames(bytes: Buffer): Generator<{ stream: number; text: string }> {
  for (let start = 0; start + HEADER_BYTES <= bytes.length;) {
    const end = start + HEADER_BYTES + bytes.readUInt32BE(start + 4);
    yield { stream: bytes[start] ?? 0, text: bytes.toString('utf8', start + HEADER_BYTES, end) };
    start = end;
  }
}
