import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/**
 * Writes a body into a new file, and checks that it is what was stored.
 *
 * @param stored without a checksum only the size is checked
 * @param signal ends it
 * @throws Error if it is not; the file is there nevertheless
 */
export async function downloadTo(
  path: string,
  body: AsyncIterable<Buffer>,
  stored: { size: number; sha256: string | undefined },
  signal: AbortSignal,
): Promise<void> {
  const hash = createHash('sha256');
  let size = 0;
  const tap = new Transform({
    transform(piece: Buffer, _encoding, done) {
      hash.update(piece);
      size += piece.length;
      done(null, piece);
    },
  });
  await pipeline(body, tap, createWriteStream(path, { flags: 'wx', mode: 0o600 }), { signal });
  if (size !== stored.size) throw new Error(`${size} of ${stored.size} bytes came of a stored file`);
  if (stored.sha256 !== undefined && hash.digest('hex') !== stored.sha256)
    throw new Error('A stored file came with another checksum than it was stored with');
}
